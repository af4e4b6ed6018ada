package main

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// inspectNesting refuses YAML that is nested too deeply, before kustomize takes seconds to find out.
func inspectNesting(name string, text []byte) *failure {
	if !mayNest(text) {
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return nil // the end, or no YAML at all: who uses the file finds out
		}
		if deeper(&document, maxNesting) {
			return failf(kindLimit, "%s: nested deeper than %d levels: flatten it", name, maxNesting)
		}
	}
}

// mayNest says whether a text could be nested too deeply: a level takes a bracket or a column.
func mayNest(text []byte) bool {
	if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > maxNesting {
		return true
	}
	for line := range bytes.Lines(text) {
		if len(line)-len(bytes.TrimLeft(line, " -?")) > maxNesting {
			return true
		}
	}
	return false
}

func deeper(node *yaml.Node, than int) bool {
	if than < 0 {
		return true
	}
	for _, child := range node.Content {
		if deeper(child, than-1) {
			return true
		}
	}
	return false
}
