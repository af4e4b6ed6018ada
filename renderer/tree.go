package main

import (
	"path"
	"sort"
	"strings"
)

// maxLinkHops ends a chain of links that never reaches a file.
const maxLinkHops = 16

// tree is one artifact in memory; after seal nobody changes it.
type tree struct {
	files map[string][]byte
	links map[string]string
	dirs  map[string][]string
	size  int64
}

func newTree() *tree {
	return &tree{files: map[string][]byte{}, links: map[string]string{}, dirs: map[string][]string{}}
}

// seal computes the listings of directories, and checks that no file is used as a directory.
func (t *tree) seal() error {
	children := map[string]map[string]bool{"": {}}
	for _, names := range []map[string]bool{keys(t.files), keys(t.links)} {
		for name := range names {
			for name != "" {
				parent := parentOf(name)
				if children[parent] == nil {
					children[parent] = map[string]bool{}
				}
				if children[parent][path.Base(name)] {
					break // its ancestors are known as well
				}
				children[parent][path.Base(name)] = true
				name = parent
			}
		}
	}
	for directory, names := range children {
		if _, isFile := t.files[directory]; isFile {
			return failf(kindRefused, "artifact entry %s is both a file and a directory", directory)
		}
		if _, isLink := t.links[directory]; isLink {
			return failf(kindRefused, "artifact has entries behind the link %s", directory)
		}
		listing := make([]string, 0, len(names))
		for name := range names {
			listing = append(listing, name)
		}
		sort.Strings(listing)
		t.dirs[directory] = listing
	}
	return nil
}

func keys[V any](of map[string]V) map[string]bool {
	all := make(map[string]bool, len(of))
	for name := range of {
		all[name] = true
	}
	return all
}

// resolve follows links to the name of a file or directory; hops are the links on the way.
func (t *tree) resolve(name string) (resolved string, hops []string) {
	for range maxLinkHops {
		link, rest, found := t.firstLink(name)
		if !found {
			return name, hops
		}
		hops = append(hops, link)
		name = strings.TrimPrefix(path.Join(t.links[link], rest), "./")
		if name == "." {
			name = ""
		}
	}
	return name, hops
}

func (t *tree) firstLink(name string) (link, rest string, found bool) {
	if len(t.links) == 0 {
		return "", "", false
	}
	for end := 0; end < len(name); {
		next := strings.IndexByte(name[end:], '/')
		if next < 0 {
			end = len(name)
		} else {
			end += next
		}
		if _, isLink := t.links[name[:end]]; isLink {
			return name[:end], strings.TrimPrefix(name[end:], "/"), true
		}
		end++
	}
	return "", "", false
}

func parentOf(name string) string {
	parent := path.Dir(name)
	if parent == "." {
		return ""
	}
	return parent
}
