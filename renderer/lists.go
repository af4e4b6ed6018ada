package main

import (
	"bytes"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

var listPattern = regexp.MustCompile(`\bkind["']?\s*:\s*["']?\w*List\b`)

// inspectLists refuses a List whose items are no objects: kustomize passes over them in silence, and
// what was in them before would be taken for removed.
func inspectLists(name string, text []byte) *failure {
	if !bytes.Contains(text, []byte("List")) || !listPattern.Match(text) {
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return nil // the end, or no YAML at all: who uses the file finds out
		}
		var head struct {
			APIVersion string    `yaml:"apiVersion"`
			Kind       string    `yaml:"kind"`
			Items      yaml.Node `yaml:"items"`
		}
		if document.Decode(&head) != nil || head.APIVersion == "" || !strings.HasSuffix(head.Kind, "List") {
			continue
		}
		if refusal := inspectItems(name, head.Kind, &head.Items); refusal != nil {
			return refusal
		}
	}
}

func inspectItems(name, kind string, items *yaml.Node) *failure {
	if items.Kind == yaml.AliasNode {
		items = items.Alias
	}
	if items.Kind == 0 || items.ShortTag() == "!!null" {
		return nil
	}
	if items.Kind != yaml.SequenceNode {
		return failf(kindParse, "%s:%d: items of %s is no list: correct it", name, items.Line, kind)
	}
	for _, item := range items.Content {
		if item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		if item.Kind != yaml.MappingNode {
			return failf(kindParse, "%s:%d: an item of %s is no object: correct or remove it",
				name, item.Line, kind)
		}
	}
	return nil
}
