package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"setpoint.dev/tools/devcluster/node"
)

const (
	issuer       = "https://kubernetes.default.svc"
	serviceRange = "10.96.0.0/16"
	// readyPoll is how often readiness is asked for; it ends the start, so it is short.
	readyPoll = 50 * time.Millisecond
	// unlimited lifts the clients' own brake of 20 requests a second, which would otherwise be what
	// every measurement of a rollout measures.
	unlimited = "5000"
	// workers is how many objects a controller handles at once; most defaults are 5, some 1.
	workers = "20"
	// nodeGrace is how long the node may be silent, which a stopped or overloaded machine makes likely,
	// before its pods are evicted.
	nodeGrace = "5m0s"
)

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`

// startAPIServer starts the API server and returns its URL when it is ready. A free port can be taken
// by somebody else between its choice and its use; then another one is chosen.
func startAPIServer(ctx context.Context, parts *children, o options, d *directories, k *keys) (string, error) {
	for attempt := 1; ; attempt++ {
		port := o.port
		if port == 0 {
			var err error
			if port, err = freePort(); err != nil {
				return "", err
			}
		}
		arguments, err := apiserverArguments(o, d, k, port)
		if err != nil {
			return "", err
		}
		part, err := parts.start(apiserverName, arguments...)
		if err != nil {
			return "", err
		}
		address := fmt.Sprintf("https://127.0.0.1:%d", port)
		if err := waitForAPIServer(ctx, parts, part, k, address); err == nil {
			return address, nil
		} else if ctx.Err() != nil || o.port != 0 || attempt == portAttempts || !portTaken(parts) {
			return "", err
		}
		parts.forget(part)
	}
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("no free port on 127.0.0.1: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func portTaken(parts *children) bool {
	return strings.Contains(lastLines(parts.logFile(apiserverName), 50), "address already in use")
}

func apiserverArguments(o options, d *directories, k *keys, port int) ([]string, error) {
	store := etcdURL(d)
	arguments := []string{
		"--etcd-servers=" + store.String(),
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + k.certFile,
		"--tls-private-key-file=" + k.keyFile,
		"--token-auth-file=" + k.tokenFile,
		"--authorization-mode=RBAC",
		"--service-account-issuer=" + issuer,
		"--service-account-key-file=" + k.serviceAccount,
		"--service-account-signing-key-file=" + k.serviceAccount,
		"--service-cluster-ip-range=" + serviceRange,
		"--allow-privileged=true",
		// A loopback address may not be an endpoint of the service `kubernetes`.
		"--endpoint-reconciler-type=none",
		"--profiling=false",
	}
	if o.auditLog == "" {
		return arguments, nil
	}
	policy := filepath.Join(d.run, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, err
	}
	return append(arguments, "--audit-policy-file="+policy, "--audit-log-path="+o.auditLog), nil
}

// waitForAPIServer asks with the authority's certificate, so a foreign server on the same port is not
// taken for ours.
func waitForAPIServer(ctx context.Context, parts *children, part *child, k *keys, address string) error {
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(k.ca)
	client := &http.Client{
		Timeout:   time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}},
	}
	defer client.CloseIdleConnections()
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		if response, err := client.Get(address + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-part.done:
			return parts.explain(part.name)
		case <-ctx.Done():
			return fmt.Errorf("the API server is not ready after %s: %w; see %s",
				readyTimeout, ctx.Err(), parts.logFile(part.name))
		case <-ticker.C:
		}
	}
}

func startControllers(parts *children, d *directories, k *keys, address string) error {
	managerConfig, err := loginFile(d, k, address, managerUser)
	if err != nil {
		return err
	}
	if _, err := parts.start(managerName, managerArguments(k, managerConfig)...); err != nil {
		return err
	}
	schedulerConfig, err := loginFile(d, k, address, schedulerUser)
	if err != nil {
		return err
	}
	config := filepath.Join(d.run, "scheduler.yaml")
	if err := os.WriteFile(config, []byte(schedulerSettings(schedulerConfig)), 0o600); err != nil {
		return err
	}
	_, err = parts.start(schedulerName, "--config="+config, "--secure-port=0")
	return err
}

func loginFile(d *directories, k *keys, address, user string) (string, error) {
	content, err := kubeconfig(k, address, user)
	if err != nil {
		return "", err
	}
	path := filepath.Join(d.run, strings.TrimPrefix(user, "system:")+".kubeconfig")
	return path, os.WriteFile(path, content, 0o600)
}

func managerArguments(k *keys, login string) []string {
	return []string{
		"--kubeconfig=" + login,
		"--leader-elect=false",
		"--secure-port=0", // off the network
		"--root-ca-file=" + k.caFile,
		"--service-account-private-key-file=" + k.serviceAccount,
		// Nobody attaches disks or hands out pod networks here.
		"--controllers=*,-node-ipam-controller,-persistentvolume-attach-detach-controller",
		"--node-monitor-grace-period=" + nodeGrace,
		"--kube-api-qps=" + unlimited,
		"--kube-api-burst=" + unlimited,
		"--concurrent-deployment-syncs=" + workers,
		"--concurrent-replicaset-syncs=" + workers,
		"--concurrent-statefulset-syncs=" + workers,
		"--concurrent-job-syncs=" + workers,
		"--concurrent-endpoint-syncs=" + workers,
		"--concurrent-service-endpoint-syncs=" + workers,
		"--concurrent-namespace-syncs=" + workers,
	}
}

func schedulerSettings(login string) string {
	return `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection:
  kubeconfig: ` + login + `
  qps: ` + unlimited + `
  burst: ` + unlimited + `
`
}

// waitForDefaults waits for what a user takes for granted in a cluster and controllers have to make.
func waitForDefaults(ctx context.Context, parts *children, failed <-chan string, client kubernetes.Interface) error {
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		missing := missingDefault(ctx, client)
		if missing == "" {
			return nil
		}
		select {
		case name := <-failed:
			return parts.explain(name)
		case <-ctx.Done():
			return fmt.Errorf("the cluster has no %s after %s; see the logs in %s", missing, readyTimeout, parts.logs)
		case <-ticker.C:
		}
	}
}

func missingDefault(ctx context.Context, client kubernetes.Interface) string {
	api := client.CoreV1()
	if _, err := api.ServiceAccounts(meta.NamespaceDefault).Get(ctx, "default", meta.GetOptions{}); err != nil {
		return "service account default/default"
	}
	if _, err := api.ConfigMaps(meta.NamespaceDefault).Get(ctx, "kube-root-ca.crt", meta.GetOptions{}); err != nil {
		return "ConfigMap default/kube-root-ca.crt"
	}
	simulated, err := api.Nodes().Get(ctx, node.Name, meta.GetOptions{})
	if err != nil || slices.ContainsFunc(simulated.Spec.Taints, isNotReady) {
		return "node that takes pods"
	}
	return ""
}

// isNotReady finds the taint of a new node; others were set by a user and are kept with the data.
func isNotReady(taint core.Taint) bool {
	return taint.Key == core.TaintNodeNotReady
}
