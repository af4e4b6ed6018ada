package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
)

const (
	// maxNodes bounds what the aliases of one file expand to.
	maxNodes = 1_000_000
	// maxNesting: the deepest definitions in use nest some 60 levels, and readers of JSON give up
	// long before their parsers of YAML do.
	maxNesting = 200
)

// remotePattern matches what kustomize would clone or download instead of reading it.
var remotePattern = regexp.MustCompile(
	`^(git::|gh:|[A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+[:/]|(?i:github\.com[/:]))`)

var loginPattern = regexp.MustCompile(`//[^/@\s]+@`)

func isRemote(reference string) bool { return remotePattern.MatchString(reference) }

// remoteRefusal says what to do instead; a login in the address is nobody's to read.
func remoteRefusal(file, reference string) *failure {
	reference = loginPattern.ReplaceAllString(reference, "//***@")
	where := ""
	if file != "" {
		where = file + ": "
	}
	return failf(kindRefused, "%s%q is remote and nothing is downloaded while rendering: "+
		"declare it as a source and reference it from a Kustomization of its own", where, reference)
}

// inspect refuses a file for what it would make kustomize do: download, run programs, explode.
func inspect(name string, text []byte) *failure {
	if refusal := inspectNesting(name, text); refusal != nil {
		return refusal
	}
	if refusal := inspectAliases(name, text); refusal != nil {
		return refusal
	}
	if refusal := inspectLists(name, text); refusal != nil {
		return refusal
	}
	if !slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(name)) {
		return nil
	}
	var read types.Kustomization
	if err := read.Unmarshal(text); err != nil {
		return nil // kustomize says what is wrong, or the file is not used as a kustomization
	}
	if len(read.HelmCharts) > 0 || len(read.HelmChartInflationGenerator) > 0 {
		return failf(kindRefused, "%s: helmCharts are not inflated: declare a HelmRelease instead", name)
	}
	lists := [][]string{
		read.Resources, read.Bases, read.Components, read.Crds, read.Configurations,
		read.Generators, read.Transformers, read.Validators, {read.OpenAPI["path"]},
	}
	for _, list := range lists {
		for _, reference := range list {
			if isRemote(reference) {
				return remoteRefusal(name, reference)
			}
		}
	}
	return nil
}

// inspectAliases refuses YAML whose aliases, once expanded, are far larger than the file.
func inspectAliases(name string, text []byte) *failure {
	if !bytes.ContainsRune(text, '*') || !bytes.ContainsRune(text, '&') {
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return nil // the end, or no YAML at all: who uses the file finds out
		}
		if _, err := expanded(&document, map[*yaml.Node]int{}); err != nil {
			return failf(kindLimit, "%s: %s", name, err)
		}
	}
}

var (
	errExplosion = fmt.Errorf("YAML aliases expand to more than %d nodes", maxNodes)
	errLoop      = errors.New("a YAML alias contains itself")
)

// expanded counts the nodes below one node with all aliases followed.
func expanded(node *yaml.Node, known map[*yaml.Node]int) (int, error) {
	if count, done := known[node]; done {
		if count < 0 {
			return 0, errLoop
		}
		return count, nil
	}
	known[node] = -1
	total := 1
	children := node.Content
	if node.Kind == yaml.AliasNode {
		children = []*yaml.Node{node.Alias}
	}
	for _, child := range children {
		count, err := expanded(child, known)
		if err != nil {
			return 0, err
		}
		if total += count; total > maxNodes {
			return 0, errExplosion
		}
	}
	known[node] = total
	return total, nil
}

// closedDoor is the HTTP transport of this program: it opens no connection.
type closedDoor struct{ refused func(*failure) }

// RoundTrip implements http.RoundTripper.
func (d closedDoor) RoundTrip(asked *http.Request) (*http.Response, error) {
	refusal := remoteRefusal("", asked.URL.String())
	d.refused(refusal)
	return nil, refusal
}
