package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// What kind of failure a render ended with; the reconciler maps kinds to conditions.
const (
	kindBuild      = "build"
	kindSubstitute = "substitute"
	kindParse      = "parse"
	kindLimit      = "limit"
	kindRefused    = "refused"
)

// failure is an error that the caller is told about: it costs this request alone.
type failure struct {
	kind    string
	message string
}

func (f *failure) Error() string { return f.message }

func failf(kind, format string, arguments ...any) *failure {
	return &failure{kind: kind, message: fmt.Sprintf(format, arguments...)}
}

// asFailure gives an error its kind: the one it brings, else the given one.
func asFailure(kind string, err error) *failure {
	var known *failure
	if errors.As(err, &known) {
		return known
	}
	return &failure{kind: kind, message: discreet(relative(err.Error()))}
}

// relative names files as the artifact does: the mount point means nothing to a reader.
func relative(message string) string {
	message = strings.ReplaceAll(message, mount+"/", "")
	for _, quote := range []string{"'", "\"", "`"} {
		message = strings.ReplaceAll(message, quote+mount+quote, quote+"."+quote)
	}
	return message
}

// Where kustomize repeats what it was given. The texts may hold anything, the closing marks too, so
// each pattern takes all up to the last of those, and what comes last in a message goes first.
var repeated = []struct {
	text    *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`(?s)\[patch: ".*"\]`), "the patch that is written there"},
	{regexp.MustCompile(`(?s)(one of patch and path) in\n.*`), "$1"},
	{regexp.MustCompile(`(?s)(at the same time)\n.*`), "$1"},
	{regexp.MustCompile(`(?s)invalid literal source .*, expected key=value`), "expected key=value"},
	{regexp.MustCompile(`(?s)(invalid utf8 bytes) : .*`), "$1"},
	{regexp.MustCompile(`(?s)literal sources \[.*\]: `), "literals: "},
	{regexp.MustCompile("(?s) with config: `.*`: "), ": "},
}

// discreet leaves out what a repository holds: it may be a Secret, and messages are for everybody.
func discreet(message string) string {
	for _, one := range repeated {
		message = one.text.ReplaceAllString(message, one.instead)
	}
	return message
}
