package main

import (
	"errors"
	"fmt"
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
	return &failure{kind: kind, message: relative(err.Error())}
}

// relative names files as the artifact does: the mount point means nothing to a reader.
func relative(message string) string {
	message = strings.ReplaceAll(message, mount+"/", "")
	for _, quote := range []string{"'", "\"", "`"} {
		message = strings.ReplaceAll(message, quote+mount+quote, quote+"."+quote)
	}
	return message
}
