// Renderer turns artifacts into Kubernetes objects: a warm child process of the reconciler.
//
// It decides nothing, has no network and holds no credentials. It speaks frames on standard input
// and output: four bytes of length, big endian, and a JSON header, which says whether a frame of
// bytes follows.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is set by the build.
var version = "development"

// collectAbove: after a request that left this much behind, memory goes back to the system.
const collectAbove = 96 << 20

// worker answers one request after the other.
type worker struct {
	guard  *guard
	held   *cache
	seen   *view
	in     *bufio.Reader
	out    *bufio.Writer
	logged *os.File
}

func main() {
	logged := closeDoors()
	runtime.GOMAXPROCS(2) // the guard needs a turn while a render computes
	watched := newGuard(func() { endAboveLimit(logged) }, parentEvery)
	go watched.watch()
	answering := &worker{
		guard:  watched,
		held:   newCache(),
		in:     bufio.NewReaderSize(os.Stdin, 1<<20),
		out:    bufio.NewWriterSize(os.Stdout, 1<<20),
		logged: logged,
	}
	http.DefaultTransport = closedDoor{refused: answering.refused}
	http.DefaultClient = &http.Client{Transport: http.DefaultTransport}
	if err := answering.serve(); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintf(logged, "renderer: %s\n", err)
		os.Exit(1)
	}
}

// closeDoors takes away what a render could use to reach the outside; it returns standard error,
// which kustomize's warnings no longer reach.
func closeDoors() *os.File {
	os.Clearenv()
	// Where kustomize would clone to, if there were a git to run.
	_ = os.Setenv("TMPDIR", "/nonexistent")
	// What a library logs about one repository must not be read as the last words of a render of
	// another, nor fill the pipe, which nobody empties while the process lives.
	log.SetOutput(io.Discard)
	logged := os.Stderr
	if quiet, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		os.Stderr = quiet
	}
	return logged
}

func (w *worker) refused(refusal *failure) {
	if w.seen != nil {
		_ = w.seen.refuse(refusal)
	}
}

func (w *worker) serve() error {
	greeting := hello{
		Protocol: protocolVersion, Program: "setpoint-renderer", Version: version,
		Kustomize: moduleVersion("sigs.k8s.io/kustomize/api"),
	}
	text, err := json.Marshal(greeting)
	if err != nil {
		return err
	}
	if err := writeFrame(w.out, text); err != nil {
		return err
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	for {
		asked, err := readRequest(w.in)
		if err != nil {
			return err
		}
		if err := w.guard.during(func() error { return w.handle(asked) }); err != nil {
			return err
		}
		if resident() > collectAbove {
			debug.FreeOSMemory()
		}
	}
}

func (w *worker) handle(asked *request) error {
	switch asked.Op {
	case "load":
		return w.load(asked)
	case "render":
		return w.render(asked)
	default:
		return fmt.Errorf("operation %q is not of protocol %d", asked.Op, protocolVersion)
	}
}

func (w *worker) load(asked *request) error {
	length, err := readLength(w.in)
	if err != nil {
		return err
	}
	// What is held must not stand in the way of what comes.
	w.held.shrink(maxCached / 2)
	body := &io.LimitedReader{R: w.in, N: int64(length)}
	loaded, err := unpack(body, int64(length), asked.Digest)
	if _, drained := io.Copy(io.Discard, body); drained != nil {
		return drained
	}
	if err != nil {
		return w.fail(asked, asFailure(kindParse, err))
	}
	w.held.put(asked.Digest, loaded)
	return writeAnswer(w.out, answer{ID: asked.ID, Status: "ok"}, nil)
}

func (w *worker) render(asked *request) error {
	from := w.held.get(asked.Digest)
	if from == nil {
		return writeAnswer(w.out, answer{ID: asked.ID, Status: "missing"}, nil)
	}
	result, err := w.guarded(from, asked)
	if err != nil {
		return w.fail(asked, asFailure(kindBuild, err))
	}
	return writeAnswer(w.out, answer{ID: asked.ID, Status: "ok"}, result)
}

// guarded turns a panic of a library into the failure of this request.
func (w *worker) guarded(from *tree, asked *request) (result []byte, err error) {
	defer func() {
		w.seen = nil
		if cause := recover(); cause != nil {
			err = failf(kindBuild, "kustomize broke off: %v", cause)
		}
	}()
	return render(from, asked, func(seen *view) { w.seen = seen })
}

func (w *worker) fail(asked *request, known *failure) error {
	said := answer{ID: asked.ID, Status: "error", Kind: known.kind, Message: known.message}
	return writeAnswer(w.out, said, nil)
}

func moduleVersion(path string) string {
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, module := range info.Deps {
			if module.Path == path {
				return strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return "unknown"
}
