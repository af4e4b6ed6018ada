package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

const (
	// etcdQuota is the size at which etcd refuses writes; its default of 2 GiB is small for load tests.
	etcdQuota = 8 << 30
	// etcdTimeout bounds etcd's start: 0.3 s on an idle machine.
	etcdTimeout = 30 * time.Second
)

// startEtcd runs etcd in this process. It listens on a socket in a private directory only: no port to
// collide on, and no other user of the machine can reach it.
func startEtcd(ctx context.Context, d *directories) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Name = "devcluster"
	config.Dir = filepath.Join(d.data, "etcd")
	config.ListenClientUrls = []url.URL{etcdURL(d)}
	config.AdvertiseClientUrls = config.ListenClientUrls
	// A single member has nobody to listen to. Its name in the cluster stays the same over restarts.
	config.ListenPeerUrls = nil
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// A crash of the machine may lose data here; the kill of a process does not.
	config.UnsafeNoFsync = true
	config.QuotaBackendBytes = etcdQuota
	config.LogLevel = "warn"
	config.LogOutputs = []string{filepath.Join(d.logs, "etcd.log")}

	store, err := embed.StartEtcd(config)
	if err != nil {
		return nil, fmt.Errorf("etcd does not start from %s: %w; see etcd.log in %s, or remove the directory to begin anew",
			config.Dir, err, d.logs)
	}
	select {
	case <-store.Server.ReadyNotify():
		return store, nil
	case err := <-store.Err():
		store.Close()
		return nil, fmt.Errorf("etcd stopped while starting: %w; see etcd.log in %s", err, d.logs)
	case <-ctx.Done():
		store.Close()
		return nil, ctx.Err()
	case <-time.After(etcdTimeout):
		store.Close()
		return nil, errors.New("etcd is not ready after 30 s; see etcd.log in " + d.logs)
	}
}

func etcdURL(d *directories) url.URL {
	return url.URL{Scheme: "unix", Path: filepath.Join(d.run, "etcd.sock")}
}
