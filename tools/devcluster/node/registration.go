package node

import (
	"context"
	"log"
	"time"

	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

const (
	// heartbeat is how often the lease is renewed and the node looked at, as a kubelet does.
	heartbeat = 10 * time.Second
	// leaseSeconds is how long others take the node for alive after a renewal.
	leaseSeconds = 40
	// nodeAddress is from a range reserved for documentation: an endpoint may not be a loopback address.
	nodeAddress = "192.0.2.10"
	version     = "v1.37.2"
)

// registration keeps the Node object and its lease fresh.
type registration struct {
	client kubernetes.Interface
}

// register makes the node, or makes the one of an earlier run ready again.
func (r *registration) register(ctx context.Context) error {
	_, err := r.client.CoreV1().Nodes().Create(ctx, newNode(time.Now()), meta.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		err = r.refresh(ctx)
	}
	if err != nil {
		return err
	}
	return r.renew(ctx)
}

func (r *registration) keepAlive(ctx context.Context) {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := r.renew(ctx)
		if err == nil {
			err = r.refresh(ctx)
		}
		if err != nil && ctx.Err() == nil {
			log.Printf("simulated node: %v", err)
		}
	}
}

// refresh mends the node where somebody removed it or its conditions, as the node lifecycle
// controller does after the machine slept.
func (r *registration) refresh(ctx context.Context) error {
	nodes := r.client.CoreV1().Nodes()
	current, err := nodes.Get(ctx, Name, meta.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = nodes.Create(ctx, newNode(time.Now()), meta.CreateOptions{})
		return err
	}
	if err != nil || isReady(current) {
		return err
	}
	current.Status.Conditions = readyConditions(time.Now())
	_, err = nodes.UpdateStatus(ctx, current, meta.UpdateOptions{})
	return err
}

func isReady(node *core.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == core.NodeReady {
			return condition.Status == core.ConditionTrue
		}
	}
	return false
}

func (r *registration) renew(ctx context.Context) error {
	leases := r.client.CoordinationV1().Leases(core.NamespaceNodeLease)
	now := meta.NewMicroTime(time.Now())
	current, err := leases.Get(ctx, Name, meta.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordination.Lease{
			ObjectMeta: meta.ObjectMeta{Name: Name},
			Spec: coordination.LeaseSpec{
				HolderIdentity: ptr.To(Name), LeaseDurationSeconds: ptr.To[int32](leaseSeconds), RenewTime: &now,
			},
		}, meta.CreateOptions{})
		if apierrors.IsNotFound(err) {
			return nil // the API server makes the leases' namespace in its first seconds; the next beat finds it
		}
		return err
	}
	if err != nil {
		return err
	}
	current.Spec.RenewTime = &now
	_, err = leases.Update(ctx, current, meta.UpdateOptions{})
	return err
}

// newNode is big enough for any test: requests are still counted by the scheduler.
func newNode(now time.Time) *core.Node {
	size := core.ResourceList{
		core.ResourceCPU:              resource.MustParse("1000"),
		core.ResourceMemory:           resource.MustParse("4Ti"),
		core.ResourceEphemeralStorage: resource.MustParse("100Ti"),
		core.ResourcePods:             resource.MustParse("50k"),
	}
	return &core.Node{
		ObjectMeta: meta.ObjectMeta{Name: Name, Labels: map[string]string{
			core.LabelHostname: Name, core.LabelOSStable: "linux", core.LabelArchStable: "amd64",
			"node-role.kubernetes.io/worker": "",
		}},
		Status: core.NodeStatus{
			Capacity: size, Allocatable: size, Conditions: readyConditions(now),
			Addresses: []core.NodeAddress{
				{Type: core.NodeInternalIP, Address: nodeAddress}, {Type: core.NodeHostName, Address: Name},
			},
			NodeInfo: core.NodeSystemInfo{
				KubeletVersion: version, OperatingSystem: "linux", Architecture: "amd64",
				ContainerRuntimeVersion: "simulated://1.0.0", OSImage: "simulated", KernelVersion: "simulated",
			},
		},
	}
}
