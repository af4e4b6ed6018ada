package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// temporaryPrefix marks the directories that a later start may remove.
	temporaryPrefix = "setpoint-devcluster-"
	lockName        = "lock"
	// youngDirectory is spared by the sweep: its owner may not have locked it yet.
	youngDirectory = time.Minute
)

// directories are the places of one running cluster.
type directories struct {
	data string // etcd's files; kept if the user named it
	pki  string // keys and tokens, beside the data they open
	logs string
	run  string // sockets and configuration of this run, always temporary
	lock []*os.File
}

// openDirectories makes and locks the directories, after sweeping away what killed launchers left.
func openDirectories(o options) (*directories, error) {
	sweep()
	run, err := os.MkdirTemp("", temporaryPrefix)
	if err != nil {
		return nil, err
	}
	d := &directories{run: run, data: o.dataDir, logs: o.logDir}
	if err := d.hold(run); err != nil {
		return nil, err
	}
	if d.data == "" {
		d.data = filepath.Join(run, "data")
	}
	if d.logs == "" {
		d.logs = filepath.Join(d.data, "logs")
	}
	d.pki = filepath.Join(d.data, "pki")
	for _, path := range []string{d.data, d.pki} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			d.close()
			return nil, fmt.Errorf("cannot make the data directory: %w", err)
		}
	}
	if err := os.MkdirAll(d.logs, 0o755); err != nil {
		d.close()
		return nil, fmt.Errorf("cannot make the log directory: %w", err)
	}
	if err := d.hold(d.data); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// hold locks a directory. The kernel frees the lock however this process ends; children do not
// inherit it, since Go opens files close-on-exec.
func (d *directories) hold(path string) error {
	file, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return fmt.Errorf("the data directory %s is in use by another devcluster; stop it or name another directory", path)
	}
	d.lock = append(d.lock, file)
	return nil
}

func (d *directories) close() {
	os.RemoveAll(d.run)
	for _, file := range d.lock {
		file.Close()
	}
}

// sweep removes the temporary directories whose launcher was killed: nobody holds their lock.
func sweep() {
	found, _ := filepath.Glob(filepath.Join(os.TempDir(), temporaryPrefix+"*"))
	for _, path := range found {
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()) < youngDirectory {
			continue
		}
		file, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			continue // another user's
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			os.RemoveAll(path)
		}
		file.Close()
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
