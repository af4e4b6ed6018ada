package main

import (
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// placeholder keeps kustomize from refusing a kustomization that has nothing in it.
const placeholder = "_placeholder"

// overlay is what the declaration adds to the kustomization of its path.
type overlay struct {
	Namespace               string        `json:"namespace"`
	NamePrefix              string        `json:"namePrefix"`
	NameSuffix              string        `json:"nameSuffix"`
	Patches                 []types.Patch `json:"patches"`
	Images                  []types.Image `json:"images"`
	Components              []string      `json:"components"`
	IgnoreMissingComponents bool          `json:"ignoreMissingComponents"`
	BuildMetadata           []string      `json:"buildMetadata"`
	CommonMetadata          metadata      `json:"commonMetadata"`
}

// metadata is set on every object after the build and wins over what is there.
type metadata struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// prepare replaces the kustomization of a directory by the one that the overlay extends.
func prepare(seen *view, directory string, with overlay) error {
	if !seen.isDir(directory) {
		seen.exists(directory)
		return failf(kindBuild, "path ./%s is not a directory of the artifact: correct spec.path", directory)
	}
	name, found := kustomizationOf(seen, directory)
	var extended types.Kustomization
	if found {
		text, err := seen.ReadFile(path.Join(mount, name))
		if err != nil {
			return err
		}
		if err := extended.Unmarshal(text); err != nil {
			return failf(kindBuild, "%s: %s", name, err)
		}
		if len(extended.Resources) == 0 && len(extended.Bases) == 0 {
			extended.BuildMetadata = []string{types.OriginAnnotations}
		}
	} else {
		name = path.Join(directory, konfig.DefaultKustomizationFileName())
		extended = generate(seen, directory)
	}
	if err := extend(seen, directory, &extended, with); err != nil {
		return err
	}
	text, err := yaml.Marshal(extended)
	if err != nil {
		return failf(kindBuild, "%s: %s", name, err)
	}
	seen.replaced[name] = text
	return nil
}

func kustomizationOf(seen *view, directory string) (string, bool) {
	for _, file := range konfig.RecognizedKustomizationFileNames() {
		name := path.Join(directory, file)
		if seen.exists(name) && seen.isFile(name) {
			return name, true
		}
	}
	return "", false
}

// generate lists the manifests below a directory that has no kustomization.
func generate(seen *view, directory string) types.Kustomization {
	made := types.Kustomization{}
	made.FixKustomization()
	collect(seen, directory, directory, &made)
	if len(made.Resources) == 0 {
		made.Namespace = placeholder
	}
	return made
}

func collect(seen *view, top, directory string, into *types.Kustomization) {
	for _, base := range seen.list(directory) {
		name, _ := seen.tree.resolve(path.Join(directory, base))
		shown := "./" + strings.TrimPrefix(strings.TrimPrefix(path.Join(directory, base), top), "/")
		switch {
		case seen.isDir(name):
			if name != path.Join(directory, base) {
				continue // a link to a directory could lead back here
			}
			if _, found := kustomizationOf(seen, name); found {
				into.Resources = append(into.Resources, shown)
				continue
			}
			collect(seen, top, name, into)
		case strings.HasSuffix(base, ".yaml"), strings.HasSuffix(base, ".yml"):
			into.Resources = append(into.Resources, shown)
		}
	}
}

func extend(seen *view, directory string, base *types.Kustomization, with overlay) error {
	if with.Namespace != "" {
		base.Namespace = with.Namespace
	}
	if with.NamePrefix != "" {
		base.NamePrefix = with.NamePrefix
	}
	if with.NameSuffix != "" {
		base.NameSuffix = with.NameSuffix
	}
	base.Patches = append(base.Patches, with.Patches...)
	for _, image := range with.Images {
		base.Images = mergeImage(base.Images, image)
	}
	for _, component := range with.Components {
		if isRemote(component) || path.IsAbs(component) {
			return failf(kindRefused, "component %q is not a relative path of the artifact", component)
		}
		name, err := seen.locate(path.Join(mount, directory, component))
		if err != nil {
			return err
		}
		if !seen.exists(name) && with.IgnoreMissingComponents {
			continue
		}
		base.Components = append(base.Components, component)
	}
	if with.BuildMetadata != nil {
		base.BuildMetadata = with.BuildMetadata
	}
	return nil
}

// mergeImage sets the fields that are given; a tag and a digest replace each other.
func mergeImage(images []types.Image, given types.Image) []types.Image {
	for index := range images {
		known := &images[index]
		if known.Name != given.Name {
			continue
		}
		if given.NewName != "" {
			known.NewName = given.NewName
		}
		if given.NewTag != "" || given.Digest != "" {
			known.NewTag, known.Digest = given.NewTag, given.Digest
		}
		return images
	}
	return append(images, given)
}

// apply sets the common labels and annotations of an object, over those that it has.
func (m metadata) apply(object map[string]any) {
	set := func(field string, values map[string]string) {
		if len(values) == 0 {
			return
		}
		meta, _ := object["metadata"].(map[string]any)
		present, _ := meta[field].(map[string]any)
		if present == nil {
			present = map[string]any{}
			meta[field] = present
		}
		for key, value := range values {
			present[key] = value
		}
	}
	set("labels", m.Labels)
	set("annotations", m.Annotations)
}
