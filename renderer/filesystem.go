package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// mount is where kustomize sees the artifact. It is no real path: nothing here touches a disk.
const mount = "/artifact"

var errReadOnly = errors.New("the artifact is read-only")

// looked records what a render depended on: equal answers to all of it mean an equal render.
type looked struct {
	files  map[string]bool
	dirs   map[string]bool
	absent map[string]bool
}

func newLooked() *looked {
	return &looked{files: map[string]bool{}, dirs: map[string]bool{}, absent: map[string]bool{}}
}

// view is an artifact as one render sees it: read-only, with one file replaced, and recorded.
type view struct {
	tree     *tree
	replaced map[string][]byte
	looked   *looked
	refusal  *failure
}

var _ filesys.FileSystem = &view{}

func newView(of *tree) *view {
	return &view{tree: of, replaced: map[string][]byte{}, looked: newLooked()}
}

// refuse remembers the first refusal: kustomize wraps errors until nobody recognises them.
func (v *view) refuse(refusal *failure) error {
	if v.refusal == nil {
		v.refusal = refusal
	}
	return refusal
}

// locate maps a path of kustomize to a name in the artifact, with links resolved.
func (v *view) locate(raw string) (string, error) {
	if !strings.HasPrefix(raw, "/") {
		raw = path.Join(mount, raw)
	}
	cleaned := path.Clean(raw)
	if cleaned == mount {
		return "", nil
	}
	name, inside := strings.CutPrefix(cleaned, mount+"/")
	if !inside {
		return "", v.refuse(failf(kindRefused,
			"path %s leaves the artifact: only files of the same source can be read", cleaned))
	}
	resolved, hops := v.tree.resolve(name)
	for _, link := range hops {
		v.looked.files[link] = true
	}
	return resolved, nil
}

func (v *view) isDir(name string) bool {
	_, exists := v.tree.dirs[name]
	return exists
}

func (v *view) isFile(name string) bool {
	if _, exists := v.replaced[name]; exists {
		return true
	}
	_, exists := v.tree.files[name]
	return exists
}

// exists says whether a name is there, and records the answer no.
func (v *view) exists(name string) bool {
	if v.isDir(name) || v.isFile(name) {
		return true
	}
	v.looked.absent[name] = true
	return false
}

// read returns a file of the artifact, or the text that replaces it in this render.
func (v *view) read(name string) ([]byte, error) {
	original, inTree := v.tree.files[name]
	if inTree {
		v.looked.files[name] = true
	}
	if text, exists := v.replaced[name]; exists {
		return text, nil
	}
	if inTree {
		return original, nil
	}
	if v.isDir(name) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	v.looked.absent[name] = true
	return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
}

func (v *view) list(name string) []string {
	v.looked.dirs[name] = true
	return v.tree.dirs[name]
}

// ReadFile implements filesys.FileSystem, and refuses what must not be built before it is built.
func (v *view) ReadFile(raw string) ([]byte, error) {
	name, err := v.locate(raw)
	if err != nil {
		return nil, err
	}
	text, err := v.read(name)
	if err != nil {
		return nil, err
	}
	if refusal := inspect(name, text); refusal != nil {
		return nil, v.refuse(refusal)
	}
	// kustomize may write into what it read; the artifact serves later renders.
	return append([]byte(nil), text...), nil
}

// CleanedAbs implements filesys.FileSystem.
func (v *view) CleanedAbs(raw string) (filesys.ConfirmedDir, string, error) {
	name, err := v.locate(raw)
	if err != nil {
		return "", "", err
	}
	if !v.exists(name) {
		return "", "", fmt.Errorf("'%s' doesn't exist", name)
	}
	if v.isDir(name) {
		return filesys.ConfirmedDir(path.Join(mount, name)), "", nil
	}
	return filesys.ConfirmedDir(path.Join(mount, parentOf(name))), path.Base(name), nil
}

// IsDir implements filesys.FileSystem.
func (v *view) IsDir(raw string) bool {
	name, err := v.locate(raw)
	return err == nil && v.exists(name) && v.isDir(name)
}

// Exists implements filesys.FileSystem.
func (v *view) Exists(raw string) bool {
	name, err := v.locate(raw)
	return err == nil && v.exists(name)
}

// ReadDir implements filesys.FileSystem.
func (v *view) ReadDir(raw string) ([]string, error) {
	name, err := v.locate(raw)
	if err != nil {
		return nil, err
	}
	if !v.isDir(name) {
		v.exists(name)
		return nil, &fs.PathError{Op: "list", Path: name, Err: fs.ErrNotExist}
	}
	return v.list(name), nil
}

// Glob implements filesys.FileSystem; kustomize's build has no patterns of files.
func (v *view) Glob(string) ([]string, error) {
	return nil, errors.New("patterns of files are not supported")
}

// Open implements filesys.FileSystem; kustomize's build reads files whole.
func (v *view) Open(string) (filesys.File, error) {
	return nil, errors.New("files are read whole")
}

// Walk implements filesys.FileSystem; kustomize's build does not walk.
func (v *view) Walk(string, filepath.WalkFunc) error {
	return errors.New("walking is not supported")
}

// Create implements filesys.FileSystem.
func (v *view) Create(string) (filesys.File, error) { return nil, errReadOnly }

// Mkdir implements filesys.FileSystem.
func (v *view) Mkdir(string) error { return errReadOnly }

// MkdirAll implements filesys.FileSystem.
func (v *view) MkdirAll(string) error { return errReadOnly }

// RemoveAll implements filesys.FileSystem.
func (v *view) RemoveAll(string) error { return errReadOnly }

// WriteFile implements filesys.FileSystem.
func (v *view) WriteFile(string, []byte) error { return errReadOnly }
