package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"go.yaml.in/yaml/v3"
	k8syaml "sigs.k8s.io/yaml"
)

// Limits of what one render may answer.
const (
	maxObjects  = 20_000
	maxOutput   = 32 << 20
	maxDocument = 1 << 20
)

// decodeYAML reads one document the way Kubernetes' clients do, numbers kept as written.
func decodeYAML(text []byte) (map[string]any, error) {
	plain, err := k8syaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	return decodeJSON(plain)
}

func decodeJSON(text []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, errors.New("it is empty")
	}
	return object, nil
}

// valueOf converts a node to what JSON can say. Dates stay the strings that were written.
func valueOf(node *yaml.Node) (any, error) {
	switch node.Kind {
	case yaml.DocumentNode:
		return valueOf(node.Content[0])
	case yaml.AliasNode:
		return valueOf(node.Alias)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			value, err := valueOf(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.MappingNode:
		return mappingOf(node)
	default:
		return scalarOf(node)
	}
}

func mappingOf(node *yaml.Node) (any, error) {
	object := make(map[string]any, len(node.Content)/2)
	for index := 0; index+1 < len(node.Content); index += 2 {
		key, value := node.Content[index], node.Content[index+1]
		converted, err := valueOf(value)
		if err != nil {
			return nil, err
		}
		if key.ShortTag() == "!!merge" {
			return nil, errors.New("a merge key << names no mapping")
		}
		if _, again := object[key.Value]; again {
			return nil, fmt.Errorf("key %q is given twice: remove one", key.Value)
		}
		object[key.Value] = converted
	}
	return object, nil
}

func scalarOf(node *yaml.Node) (any, error) {
	switch node.ShortTag() {
	case "!!str", "!!timestamp":
		return node.Value, nil
	case "!!null":
		return nil, nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, err
	}
	if number, isFloat := value.(float64); isFloat && (math.IsNaN(number) || math.IsInf(number, 0)) {
		return nil, fmt.Errorf("%s is no number that JSON knows: quote it", node.Value)
	}
	return value, nil
}

// flatten returns the objects of a List, or the object itself.
func flatten(object map[string]any) ([]map[string]any, error) {
	kind, _ := object["kind"].(string)
	items, isList := object["items"].([]any)
	if !isList || !strings.HasSuffix(kind, "List") || object["apiVersion"] != "v1" {
		return []map[string]any{object}, nil
	}
	var all []map[string]any
	for index, item := range items {
		inner, isObject := item.(map[string]any)
		if !isObject {
			return nil, failf(kindParse, "%s: items[%d] is no object: correct or remove it", kind, index)
		}
		below, err := flatten(inner)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// check says what an object lacks to be one.
func check(object map[string]any) error {
	for _, field := range []string{"apiVersion", "kind"} {
		if text, _ := object[field].(string); text == "" {
			return failf(kindParse, "%s: %s is missing or no string", describe(object), field)
		}
	}
	meta, _ := object["metadata"].(map[string]any)
	if name, _ := meta["name"].(string); name == "" {
		return failf(kindParse, "%s: metadata.name is missing or no string", describe(object))
	}
	return nil
}

// describe names an object for people: Kind/namespace/name.
func describe(object map[string]any) string {
	meta, _ := object["metadata"].(map[string]any)
	parts := make([]string, 0, 3)
	for _, part := range []any{object["kind"], meta["namespace"], meta["name"]} {
		if part != nil {
			parts = append(parts, fmt.Sprint(part))
		}
	}
	if len(parts) == 0 {
		return "an object without kind and name"
	}
	return strings.Join(parts, "/")
}

// identity is what makes two manifests the same object, whatever version they are written in.
func identity(object map[string]any) string {
	meta, _ := object["metadata"].(map[string]any)
	version, _ := object["apiVersion"].(string)
	group := ""
	if slash := strings.IndexByte(version, '/'); slash >= 0 {
		group = version[:slash]
	}
	return fmt.Sprint(group, "\n", object["kind"], "\n", meta["namespace"], "\n", meta["name"])
}
