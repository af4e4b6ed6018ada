package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	// kustomize tries a file as a directory as well and reports both; the file is what was meant.
	asDirectory = regexp.MustCompile(`accumulation err='(.*)': must build at directory: .*$`)
	twice       = regexp.MustCompile(`already registered id: ([^.\s]+)\.[^/\s]*/(\S+)\.(\[noNs\]|[a-z0-9-]+)`)
)

// explain says of kustomize's error what a reader can act on: the file, the line, the remedy.
func explain(known *failure, seen *view) *failure {
	message := asDirectory.ReplaceAllString(known.message, "$1")
	switch {
	case strings.Contains(message, "must specify --enable-helm"):
		return failf(kindRefused, "charts are not inflated: declare a HelmRelease instead (%s)", message)
	case strings.Contains(message, "external plugins disabled"),
		strings.Contains(message, "plugin load is disabled"):
		return failf(kindRefused, "plugins, containers and programs are not run while rendering: "+
			"commit their output (%s)", message)
	case strings.Contains(message, "MalformedYAMLError"):
		if where := firstMalformed(seen); where != "" {
			return &failure{kind: kindParse, message: where}
		}
	}
	if match := twice.FindStringSubmatch(message); match != nil {
		if files := declaring(seen, match[1], match[2]); len(files) > 1 {
			return failf(kindBuild, "%s/%s is declared twice, in %s: remove one",
				match[1], match[2], strings.Join(files, " and "))
		}
	}
	return &failure{kind: known.kind, message: message}
}

// manifests are the files read so far that could hold manifests, in order.
func manifests(seen *view) []string {
	var names []string
	for _, name := range sorted(seen.looked.files) {
		if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
			names = append(names, name)
		}
	}
	return names
}

// firstMalformed counts lines from the top of the file; kustomize counts from the document's.
func firstMalformed(seen *view) string {
	for _, name := range manifests(seen) {
		if err := eachDocument(seen.tree.files[name], func(*yaml.Node) {}); err != nil {
			return fmt.Sprintf("%s: %s", name, err)
		}
	}
	return ""
}

// declaring lists where an object of that kind and name is written, twice where it is there twice.
func declaring(seen *view, kind, name string) []string {
	var files []string
	for _, file := range manifests(seen) {
		_ = eachDocument(seen.tree.files[file], func(document *yaml.Node) {
			var head struct {
				Kind     string `yaml:"kind"`
				Metadata struct {
					Name string `yaml:"name"`
				} `yaml:"metadata"`
			}
			if document.Decode(&head) == nil && head.Kind == kind && head.Metadata.Name == name {
				files = append(files, file)
			}
		})
	}
	return files
}

func eachDocument(text []byte, visit func(*yaml.Node)) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		visit(&document)
	}
}
