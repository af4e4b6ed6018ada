package main

import (
	"slices"
	"testing"
)

func treeOf(files map[string]string, links map[string]string) *tree {
	made := newTree()
	for name, text := range files {
		made.files[name] = []byte(text)
		made.size += int64(len(text))
	}
	for name, target := range links {
		made.links[name] = target
	}
	if err := made.seal(); err != nil {
		panic(err)
	}
	return made
}

func TestDirectoriesListTheirNamesInOrder(t *testing.T) {
	made := treeOf(map[string]string{"b/c/d": "", "b/a": "", "z": "", "b/c/a": ""}, nil)
	for directory, expected := range map[string][]string{
		"": {"b", "z"}, "b": {"a", "c"}, "b/c": {"a", "d"},
	} {
		if got := made.dirs[directory]; !slices.Equal(got, expected) {
			t.Errorf("%q lists %v, expected %v", directory, got, expected)
		}
	}
}

func TestLinksAreFollowedThroughDirectories(t *testing.T) {
	made := treeOf(map[string]string{"real/file": "x"}, map[string]string{"link": "real", "two": "link/file"})
	name, hops := made.resolve("two")
	if name != "real/file" || !slices.Equal(hops, []string{"two", "link"}) {
		t.Errorf("two is %q by %v", name, hops)
	}
}

func TestLinksInACircleEnd(t *testing.T) {
	made := treeOf(map[string]string{"a": ""}, map[string]string{"x": "y", "y": "x"})
	if _, hops := made.resolve("x"); len(hops) != maxLinkHops {
		t.Errorf("%d hops", len(hops))
	}
}

func TestTheArtifactUsedLastStays(t *testing.T) {
	held := newCache()
	for _, digest := range []string{"a", "b"} {
		held.put(digest, &tree{size: maxCached / 2})
	}
	held.get("a")
	held.put("c", &tree{size: maxCached / 2})
	if held.get("a") == nil || held.get("b") != nil || held.get("c") == nil {
		t.Errorf("kept %v", held.order)
	}
	if held.size != maxCached {
		t.Errorf("size %d", held.size)
	}
}

func TestAnArtifactLargerThanTheCacheIsHeldAlone(t *testing.T) {
	held := newCache()
	held.put("small", &tree{size: 1})
	held.put("large", &tree{size: maxCached + 1})
	if held.get("large") == nil || len(held.trees) != 1 {
		t.Errorf("kept %v", held.order)
	}
}
