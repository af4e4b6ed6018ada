package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1'}\n"

func renderOf(t *testing.T, files map[string]string, asked *request) (rendered, error) {
	t.Helper()
	var result rendered
	text, err := render(treeOf(files, nil), asked, func(*view) {})
	if err == nil {
		err = json.Unmarshal(text, &result)
	}
	return result, err
}

func TestARenderSaysWhatItLookedAt(t *testing.T) {
	result, err := renderOf(t, map[string]string{"app/a.yaml": settings, "b": ""}, &request{Path: "app"})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Objects) != 1 || !slices.Equal(result.Looked.Files, []string{"app/a.yaml"}) ||
		!slices.Equal(result.Looked.Directories, []string{"app"}) || len(result.Looked.Absent) != 3 {
		t.Errorf("%+v", result)
	}
}

func TestTheArtifactIsNotChangedByARender(t *testing.T) {
	files := map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": settings}
	from := treeOf(files, nil)
	asked := &request{Path: "app", Overlay: overlay{NamePrefix: "x-"}}
	if _, err := render(from, asked, func(*view) {}); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if string(from.files[name]) != text {
			t.Errorf("%s became %q", name, from.files[name])
		}
	}
}

func TestMoreObjectsThanTheLimitAreRefused(t *testing.T) {
	objects := make([]map[string]any, 0, maxObjects+1)
	for range maxObjects + 1 {
		objects = append(objects, map[string]any{})
	}
	var refused *failure
	if _, err := encode(objects, newLooked()); !errors.As(err, &refused) || refused.kind != kindLimit {
		t.Errorf("%v", err)
	}
}

func TestImagesMergeByName(t *testing.T) {
	asked := &request{Path: "app", Overlay: overlay{}}
	_ = json.Unmarshal([]byte(`{"images": [{"name": "web", "digest": "sha256:1"}]}`), &asked.Overlay)
	result, err := renderOf(t, map[string]string{
		"app/kustomization.yaml": "resources: [p.yaml]\nimages: [{name: web, newName: m, newTag: '2'}]\n",
		"app/p.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n" +
			"spec: {containers: [{name: c, image: 'web:1'}]}\n",
	}, asked)
	if err != nil || !strings.Contains(string(result.Objects[0]), `"m@sha256:1"`) {
		t.Errorf("%v %s", err, result.Objects)
	}
}

func TestRemoteReferencesAreTold(t *testing.T) {
	for reference, expected := range map[string]bool{
		"https://example.com/x": true, "git::ssh://x/y": true, "git@example.com:a/b": true,
		"github.com/a/b": true, "GitHub.com:a/b": true, "file:///etc": true,
		"../base": false, "a@b.yaml": false, "c:/d": false, "my.github.com/x": false, "./x//y": false,
	} {
		if isRemote(reference) != expected {
			t.Errorf("%s: remote is %v", reference, !expected)
		}
	}
}

func TestTheTransportOpensNoConnection(t *testing.T) {
	var told *failure
	client := &http.Client{Transport: closedDoor{refused: func(refusal *failure) { told = refusal }}}
	_, err := client.Get("http://127.0.0.1:1/x")
	if err == nil || told == nil || told.kind != kindRefused {
		t.Errorf("%v, told %v", err, told)
	}
}

func TestPathsInMessagesAreThoseOfTheArtifact(t *testing.T) {
	if got := relative("in '/artifact' and '/artifact/a/b'"); got != "in '.' and 'a/b'" {
		t.Error(got)
	}
}
