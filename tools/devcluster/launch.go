package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"setpoint.dev/tools/devcluster/node"
)

const (
	// readyTimeout bounds the start: ready after 3 s on an idle machine, ten times slower on a busy one.
	readyTimeout = 90 * time.Second
	// portAttempts bounds how often another process may take the chosen port before the API server does.
	portAttempts = 5
	// parentPoll is how soon the launcher notices that its parent is gone.
	parentPoll = 200 * time.Millisecond
)

// launch runs a cluster until a signal, the death of the parent or the failure of a part.
func launch(o options) error {
	begin := time.Now()
	dirs, err := openDirectories(o)
	if err != nil {
		return err
	}
	defer dirs.close()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.parent != 0 {
		go watchParent(ctx, cancel, o.parent)
	}

	keys, err := loadKeys(dirs.pki)
	if err != nil {
		return err
	}
	store, err := startEtcd(ctx, dirs)
	if err != nil {
		return err
	}
	defer store.Close()

	parts := &children{logs: dirs.logs}
	defer parts.stop()
	starting, done := context.WithTimeout(ctx, readyTimeout)
	defer done()
	address, err := startAPIServer(starting, parts, o, dirs, keys)
	if err != nil {
		return describe(ctx, err)
	}
	if err := startControllers(parts, dirs, keys, address); err != nil {
		return err
	}
	client, err := newClient(keys, address, nodeUser)
	if err != nil {
		return err
	}
	simulated := node.New(client)
	if err := simulated.Start(ctx); err != nil {
		return describe(ctx, err)
	}
	failed := parts.failed()
	if err := waitForDefaults(starting, parts, failed, client); err != nil {
		return describe(ctx, err)
	}
	if err := publish(o, keys, address); err != nil {
		return err
	}
	fmt.Printf("ready address=%s after=%.1fs\n", address, time.Since(begin).Seconds())

	select {
	case <-ctx.Done():
		return nil
	case name := <-failed:
		return parts.explain(name)
	}
}

// describe turns an error that only says "cancelled" into success: somebody asked for the stop.
func describe(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// watchParent cancels when this process is handed to another parent. A process id is compared instead
// of a pipe being watched, because a forked sibling would keep the pipe open.
func watchParent(ctx context.Context, cancel context.CancelFunc, parent int) {
	ticker := time.NewTicker(parentPoll)
	defer ticker.Stop()
	for os.Getppid() == parent {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
	cancel()
}

// publish tells where the cluster is. The files appear complete or not at all, so their existence is
// the sign of readiness.
func publish(o options, k *keys, address string) error {
	if o.kubeconfig != "" {
		content, err := kubeconfig(k, address, adminUser)
		if err != nil {
			return err
		}
		if err := writeWhole(o.kubeconfig, content); err != nil {
			return err
		}
	}
	if o.addressFile != "" {
		return writeWhole(o.addressFile, []byte(address+"\n"))
	}
	return nil
}

func writeWhole(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w; its directory must exist and be writable", path, err)
	}
	defer os.Remove(temporary.Name())
	// CreateTemp makes the file with mode 0600, right for a credential.
	if _, err := temporary.Write(content); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// lastLines returns the end of a log file, for error messages.
func lastLines(path string, count int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
