package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
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
	// exitMemory tells the parent why; no exit code of the runtime is equal.
	exitMemory = 86
)

// guard ends the process when it needs too much memory or its parent is gone.
func guard(last *os.File) {
	debug.SetGCPercent(garbage)
	debug.SetMemoryLimit(softMemory)
	parent := os.Getppid()
	for range time.Tick(watchEvery) {
		if used := resident(); used > hardMemory {
			fmt.Fprintf(last, "RenderOOM: %d MiB in use, the limit of a render is %d MiB\n",
				used>>20, hardMemory>>20)
			os.Exit(exitMemory)
		}
		if os.Getppid() != parent {
			os.Exit(0)
		}
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
