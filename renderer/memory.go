package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// garbage is how much may be made before it is collected, in percent of what is in use: a render
	// makes a hundred times what it keeps, and a worker at rest keeps little.
	garbage = 400
	// softMemory makes the collector work hard before the hard limit is near.
	softMemory = 200 << 20
	// hardMemory ends the process: one render must not take the machine with it.
	hardMemory = 256 << 20
	// watchEvery is short against the time in which a render can allocate the distance.
	watchEvery = 10 * time.Millisecond
	// parentEvery is for a worker at rest, which the end of its input tells as well.
	parentEvery = time.Second
	// exitMemory tells the parent why; no exit code of the runtime is equal.
	exitMemory = 86
)

// guard ends the process when it needs too much memory or its parent is gone.
//
// At rest it sleeps: two workers that looked every 10 ms took a twentieth of a core for nothing.
type guard struct {
	look    func()
	rest    time.Duration
	working atomic.Bool
	begun   chan struct{}
}

func newGuard(look func(), rest time.Duration) *guard {
	return &guard{look: look, rest: rest, begun: make(chan struct{}, 1)}
}

// watch looks until the process ends.
func (g *guard) watch() {
	debug.SetGCPercent(garbage)
	debug.SetMemoryLimit(softMemory)
	parent := os.Getppid()
	for {
		g.look()
		if os.Getppid() != parent {
			os.Exit(0)
		}
		if g.working.Load() {
			time.Sleep(watchEvery)
			continue
		}
		select {
		case <-g.begun:
		case <-time.After(g.rest):
		}
	}
}

// during does a piece of work under watch.
func (g *guard) during(work func() error) error {
	g.working.Store(true)
	defer g.working.Store(false)
	select {
	case g.begun <- struct{}{}:
	default: // it has not slept since
	}
	return work()
}

// endAboveLimit says on last why the process ends.
func endAboveLimit(last *os.File) {
	if used := resident(); used > hardMemory {
		fmt.Fprintf(last, "RenderOOM: %d MiB in use, the limit of a render is %d MiB\n",
			used>>20, hardMemory>>20)
		os.Exit(exitMemory)
	}
}

// resident is the memory that the kernel counts for this process.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		fields := strings.Fields(string(text))
		if len(fields) > 1 {
			if pages, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return pages * int64(os.Getpagesize())
			}
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Sys - stats.HeapReleased)
}
