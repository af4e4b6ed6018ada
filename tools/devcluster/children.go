package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// stopGrace is how long the parts may take to end by themselves. They keep no state of their own, so
// a kill loses nothing; the whole stop stays well below 5 s.
const stopGrace = 1500 * time.Millisecond

// children are the parts that run as processes of their own.
type children struct {
	logs    string
	running []*child
}

type child struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
}

// start runs this program again under a part's name. It must be called on the launcher's main thread.
func (c *children) start(name string, args ...string) (*child, error) {
	log, err := os.OpenFile(c.logFile(name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = name
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// Whatever happens to the launcher, nothing of the cluster outlives it.
		Pdeathsig: syscall.SIGKILL,
		// Ctrl-C in a terminal goes to the launcher, which stops the parts in order.
		Setpgid: true,
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	part := &child{name: name, cmd: cmd, done: make(chan struct{})}
	c.running = append(c.running, part)
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(part.done)
	}()
	return part, nil
}

// forget drops a part whose end was expected.
func (c *children) forget(part *child) {
	c.running = slices.DeleteFunc(c.running, func(other *child) bool { return other == part })
}

// failed names the parts that end by themselves from now on.
func (c *children) failed() <-chan string {
	names := make(chan string, len(c.running))
	for _, part := range c.running {
		go func() {
			<-part.done
			names <- part.name
		}()
	}
	return names
}

func (c *children) explain(name string) error {
	return fmt.Errorf("%s ended by itself; the end of %s:\n%s", name, c.logFile(name), lastLines(c.logFile(name), 8))
}

func (c *children) logFile(name string) string {
	return filepath.Join(c.logs, name+".log")
}

// stop ends all parts: politely, then for certain.
func (c *children) stop() {
	for _, part := range c.running {
		_ = part.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	}
	deadline := time.After(stopGrace)
	for _, part := range c.running {
		select {
		case <-part.done:
		case <-deadline:
			deadline = time.After(0)
			_ = part.cmd.Process.Kill()
			<-part.done
		}
	}
}
