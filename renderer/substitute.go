package main

import (
	"regexp"
	"sort"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
	"sigs.k8s.io/yaml"
)

const (
	substituteKey   = "kustomize.toolkit.fluxcd.io/substitute"
	substituteOff   = "disabled"
	strategyAlways  = "Always"
	variableExample = "letters, digits and _, not beginning with a digit"
)

var variableName = regexp.MustCompile(`^[_[:alpha:]][_[:alpha:][:digit:]]*$`)

// substitution is what a request says about variables.
type substitution struct {
	variables map[string]string
	strict    bool
}

// substitutionOf says whether this request substitutes at all, and checks the names of variables.
func substitutionOf(asked *request) (*substitution, error) {
	if !asked.Substitute || (len(asked.Variables) == 0 && asked.Strategy != strategyAlways) {
		return nil, nil
	}
	values := make(map[string]string, len(asked.Variables))
	names := make([]string, 0, len(asked.Variables))
	for name := range asked.Variables {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if !variableName.MatchString(name) {
			return nil, failf(kindSubstitute, "variable name %q is not valid: use %s", name, variableExample)
		}
		values[name] = strings.ReplaceAll(asked.Variables[name], "\n", "")
	}
	return &substitution{variables: values, strict: asked.Strict}, nil
}

// apply replaces ${...} in the whole text of one object and reads the result again.
func (s *substitution) apply(object map[string]any) (map[string]any, error) {
	if optedOut(object) {
		return object, nil
	}
	text, err := yaml.Marshal(object)
	if err != nil {
		return nil, failf(kindSubstitute, "%s: %s", describe(object), err)
	}
	replaced, err := envsubst.Eval(string(text), func(name string) (string, bool) {
		value, exists := s.variables[name]
		return value, exists || !s.strict
	})
	if err != nil {
		return nil, failf(kindSubstitute, "%s: post-build substitution: %s", describe(object), err)
	}
	if replaced == string(text) {
		return object, nil
	}
	result, err := decodeYAML([]byte(replaced))
	if err != nil {
		return nil, failf(kindSubstitute,
			"%s: after post-build substitution it is no YAML object any more: %s", describe(object), err)
	}
	return result, nil
}

func optedOut(object map[string]any) bool {
	meta, _ := object["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations"} {
		values, _ := meta[field].(map[string]any)
		if values[substituteKey] == substituteOff {
			return true
		}
	}
	return false
}
