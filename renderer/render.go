package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
)

const originKey = "config.kubernetes.io/origin"

// rendered is the body of the answer to a render.
type rendered struct {
	Objects []json.RawMessage `json:"objects"`
	Looked  lookedLists       `json:"looked"`
}

type lookedLists struct {
	Files       []string `json:"files"`
	Directories []string `json:"directories"`
	Absent      []string `json:"absent"`
}

// built is one object with the file that it came from, where that is known.
type built struct {
	object map[string]any
	origin string
	// unreadable says why there is no object.
	unreadable error
}

var errNoObject = errors.New("is no object")

// render builds the objects of one path of an artifact.
func render(from *tree, asked *request, watch func(*view)) ([]byte, error) {
	wanted, err := substitutionOf(asked)
	if err != nil {
		return nil, err
	}
	seen, objects, err := build(from, asked, nil, watch)
	if err != nil {
		return nil, err
	}
	finished, err := finish(objects, wanted, asked.Overlay.CommonMetadata)
	if err != nil {
		// Only now the origin of each object is worth a second build: to name the files.
		origins := []string{types.OriginAnnotations}
		if _, traced, again := build(from, asked, origins, watch); again == nil {
			if _, named := finish(traced, wanted, asked.Overlay.CommonMetadata); named != nil {
				return nil, named
			}
		}
		return nil, err
	}
	return encode(finished, seen.looked)
}

// build runs kustomize; tracing replaces the build metadata, so that objects carry their origin.
func build(
	from *tree, asked *request, tracing []string, watch func(*view),
) (*view, []built, error) {
	seen := newView(from)
	watch(seen)
	directory := strings.TrimPrefix(path.Clean("/"+asked.Path), "/")
	overlay := asked.Overlay
	if tracing != nil {
		overlay.BuildMetadata = tracing
	}
	made, err := customize(seen, directory, overlay)
	if seen.refusal != nil {
		return nil, nil, seen.refusal
	}
	if err != nil {
		return nil, nil, explain(asFailure(kindBuild, err), seen)
	}
	objects := make([]built, 0, made.Size())
	for _, resource := range made.Resources() {
		origin := ""
		if tracing != nil {
			origin = originOf(resource.GetAnnotations()[originKey], directory)
		}
		value, err := valueOf(resource.YNode())
		object, isObject := value.(map[string]any)
		if err != nil || !isObject {
			objects = append(objects, built{origin: origin, unreadable: fmt.Errorf("%s/%s: %w",
				resource.GetKind(), resource.GetName(), cmp.Or(err, errNoObject))})
			continue
		}
		inners, err := flatten(object)
		if err != nil {
			return nil, nil, inFile(origin, err)
		}
		for _, inner := range inners {
			objects = append(objects, built{object: inner, origin: origin})
		}
	}
	return seen, objects, nil
}

func customize(seen *view, directory string, with overlay) (resmap.ResMap, error) {
	if err := prepare(seen, directory, with); err != nil {
		return nil, err
	}
	options := &krusty.Options{
		Reorder:          krusty.ReorderOptionUnspecified,
		LoadRestrictions: types.LoadRestrictionsNone,
		PluginConfig:     types.DisabledPluginConfig(),
	}
	return krusty.MakeKustomizer(options).Run(seen, path.Join(mount, directory))
}

// originOf reads kustomize's annotation about the file that an object came from.
func originOf(text, directory string) string {
	for _, line := range strings.Split(text, "\n") {
		for _, key := range []string{"path: ", "configuredIn: "} {
			if name, found := strings.CutPrefix(line, key); found {
				return path.Join(directory, name)
			}
		}
	}
	return ""
}

// finish substitutes, sets common metadata, and checks each object and that each is there once.
func finish(objects []built, wanted *substitution, common metadata) ([]map[string]any, error) {
	origins := make(map[string]string, len(objects))
	finished := make([]map[string]any, 0, len(objects))
	for _, made := range objects {
		object := made.object
		if made.unreadable != nil {
			return nil, inFile(made.origin, made.unreadable)
		}
		if wanted != nil {
			var err error
			if object, err = wanted.apply(object); err != nil {
				return nil, inFile(made.origin, err)
			}
		}
		if err := check(object); err != nil {
			return nil, inFile(made.origin, err)
		}
		common.apply(object)
		key := identity(object)
		if other, twice := origins[key]; twice {
			return nil, failf(kindBuild, "%s is declared twice%s: remove one",
				describe(object), inFiles(other, made.origin))
		}
		origins[key] = made.origin
		finished = append(finished, object)
	}
	return finished, nil
}

func inFile(origin string, err error) error {
	known := asFailure(kindParse, err)
	if origin == "" {
		return known
	}
	return failf(known.kind, "%s: %s", origin, known.message)
}

func inFiles(one, other string) string {
	if one == "" || other == "" {
		return ""
	}
	return ", in " + one + " and " + other
}

func encode(objects []map[string]any, seen *looked) ([]byte, error) {
	answer := rendered{
		Objects: make([]json.RawMessage, 0, len(objects)),
		Looked: lookedLists{
			Files: sorted(seen.files), Directories: sorted(seen.dirs), Absent: sorted(seen.absent),
		},
	}
	if len(objects) > maxObjects {
		return nil, failf(kindLimit, "%d objects, the limit is %d", len(objects), maxObjects)
	}
	total := 0
	for _, object := range objects {
		text, err := encodeObject(object)
		if err != nil {
			return nil, failf(kindParse, "%s: %s", describe(object), err)
		}
		if len(text) > maxDocument {
			return nil, failf(kindLimit, "%s has %d bytes, the limit of an object is %d",
				describe(object), len(text), maxDocument)
		}
		if total += len(text); total > maxOutput {
			return nil, failf(kindLimit, "the objects have more than %d bytes together", maxOutput)
		}
		answer.Objects = append(answer.Objects, text)
	}
	return json.Marshal(answer)
}

func encodeObject(object map[string]any) (json.RawMessage, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(buffer.Bytes()), nil
}

func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return slices.Clip(names)
}
