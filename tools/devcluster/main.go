// Command devcluster runs a real Kubernetes control plane on one machine, for development and tests.
//
// One binary holds every part. The launcher runs etcd inside itself and starts itself again under the
// names of the other parts, because their commands cannot share a process: each insists on being the
// only one to install signal handlers.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// Names under which the launcher starts itself again.
const (
	apiserverName = "kube-apiserver"
	managerName   = "kube-controller-manager"
	schedulerName = "kube-scheduler"
	// etcdName is for others: a directory of links with these names serves as KUBEBUILDER_ASSETS.
	etcdName = "etcd"
)

func main() {
	switch filepath.Base(os.Args[0]) {
	case apiserverName:
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case managerName:
		os.Exit(cli.Run(manager.NewControllerManagerCommand()))
	case schedulerName:
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case etcdName:
		etcdmain.Main(os.Args)
		return
	}
	// The kernel sends the parent-death signal of a child when the thread that started it ends, so
	// every child is started from this one thread, which lives as long as the process.
	runtime.LockOSThread()
	if err := launch(parseOptions()); err != nil {
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		os.Exit(1)
	}
}

// options are what the user asks of the launcher.
type options struct {
	dataDir     string
	port        int
	kubeconfig  string
	addressFile string
	logDir      string
	auditLog    string
	parent      int
}

func parseOptions() options {
	var o options
	// A set of our own: the linked libraries put dozens of flags into the common one.
	flags := flag.NewFlagSet("devcluster", flag.ExitOnError)
	flags.StringVar(&o.dataDir, "data-dir", "",
		"directory that keeps the cluster's state; a temporary one, thrown away at the end, if empty")
	flags.IntVar(&o.port, "port", 0, "port of the API server on 127.0.0.1; 0 takes any free one")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "",
		"file for the administrator's kubeconfig, written when the cluster is ready")
	flags.StringVar(&o.addressFile, "address-file", "",
		"file for the API server's URL, written when the cluster is ready")
	flags.StringVar(&o.logDir, "log-dir", "", "directory of one log file per part (default: logs in the data directory)")
	flags.StringVar(&o.auditLog, "audit-log", "", "file for the audit log, metadata level; none if empty")
	flags.IntVar(&o.parent, "die-with-parent", 0, "process id of the parent: stop as soon as it is gone")
	_ = flags.Parse(os.Args[1:]) // it ends the process itself
	if flags.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "devcluster: unexpected argument %q; see --help\n", flags.Arg(0))
		os.Exit(2)
	}
	return o
}
