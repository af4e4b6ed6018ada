// Package node simulates what a cluster has beside its control plane: one node that runs pods, a
// provider of load balancer addresses and a provider of volumes. Nothing is really run.
//
// Each part watches, decides with a pure function, and writes the difference. Every step may run
// twice, and after a restart everything is worked out anew from the objects.
package node

import (
	"context"
	"errors"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Name is the name of the only node.
const Name = "devcluster"

const (
	// podWorkers write pod statuses side by side: a write takes about 5 ms, and a rollout is hundreds.
	podWorkers = 16
	// otherWorkers serve services and volumes, which are few.
	otherWorkers = 2
)

// Node is the simulated node with its providers.
type Node struct {
	client kubernetes.Interface
	self   *registration
	lanes  []*lane
	sync   []cache.InformerSynced
	start  []func(stop <-chan struct{})
}

// New joins the parts; nothing runs before Start.
func New(client kubernetes.Interface) *Node {
	mine := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(
		func(options *meta.ListOptions) {
			options.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", Name).String()
		}))
	all := informers.NewSharedInformerFactory(client, 0)
	n := &Node{client: client, self: &registration{client: client}}

	pods := mine.Core().V1().Pods()
	n.add(pods.Informer(), podWorkers, newPods(client, pods.Lister()))
	services := all.Core().V1().Services()
	n.add(services.Informer(), otherWorkers, newBalancers(client, services.Lister()))
	classes := all.Storage().V1().StorageClasses()
	n.sync = append(n.sync, classes.Informer().HasSynced)
	claims := all.Core().V1().PersistentVolumeClaims()
	n.add(claims.Informer(), otherWorkers, &claimed{client, claims.Lister(), classes.Lister()})
	volumes := all.Core().V1().PersistentVolumes()
	n.add(volumes.Informer(), otherWorkers, &released{client, volumes.Lister()})

	n.start = append(n.start, mine.Start, all.Start)
	return n
}

func (n *Node) add(informer cache.SharedIndexInformer, workers int, handler handler) {
	lane := newLane(handler, workers)
	// The only error is that the informer was stopped before it was started.
	_, _ = informer.AddEventHandler(lane)
	n.lanes = append(n.lanes, lane)
	n.sync = append(n.sync, informer.HasSynced)
}

// Start makes the node and the default storage class, and works until the context ends.
func (n *Node) Start(ctx context.Context) error {
	if err := n.self.register(ctx); err != nil {
		return err
	}
	if err := makeDefaultClass(ctx, n.client); err != nil {
		return err
	}
	for _, start := range n.start {
		start(ctx.Done())
	}
	if !cache.WaitForCacheSync(ctx.Done(), n.sync...) {
		return errors.New("the simulated node was stopped before it had listed its objects")
	}
	for _, lane := range n.lanes {
		if earlier, ok := lane.handler.(restorer); ok {
			if err := earlier.restore(); err != nil {
				return err
			}
		}
	}
	go n.self.keepAlive(ctx)
	for _, lane := range n.lanes {
		lane.run(ctx)
	}
	return nil
}

// readyConditions are those of a healthy node.
func readyConditions(now time.Time) []core.NodeCondition {
	condition := func(kind core.NodeConditionType, status core.ConditionStatus, reason string) core.NodeCondition {
		return core.NodeCondition{
			Type: kind, Status: status, Reason: reason,
			LastHeartbeatTime: meta.NewTime(now), LastTransitionTime: meta.NewTime(now),
		}
	}
	return []core.NodeCondition{
		condition(core.NodeReady, core.ConditionTrue, "KubeletReady"),
		condition(core.NodeMemoryPressure, core.ConditionFalse, "KubeletHasSufficientMemory"),
		condition(core.NodeDiskPressure, core.ConditionFalse, "KubeletHasNoDiskPressure"),
		condition(core.NodePIDPressure, core.ConditionFalse, "KubeletHasSufficientPID"),
	}
}
