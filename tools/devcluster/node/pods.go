package node

import (
	"context"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// podRange has room for 65,000 pods.
const podRange = "10.244.0.0/16"

// pods plays the kubelet: it writes what became of the pods bound to the node.
type pods struct {
	client    kubernetes.Interface
	lister    listers.PodLister
	addresses *addresses
}

func newPods(client kubernetes.Interface, lister listers.PodLister) *pods {
	return &pods{client: client, lister: lister, addresses: newAddresses(podRange)}
}

// restore gives the pods of an earlier run their addresses before a new pod can take one.
func (p *pods) restore() error {
	known, err := p.lister.List(labels.Everything())
	for _, pod := range known {
		if pod.Status.PodIP != "" && !pod.Spec.HostNetwork {
			p.addresses.take(cache.MetaObjectToName(pod).String(), pod.Status.PodIP)
		}
	}
	return err
}

func (p *pods) name() string { return "pod" }

func (p *pods) handle(ctx context.Context, key string) (time.Duration, error) {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return 0, err
	}
	pod, err := p.lister.Pods(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		p.addresses.release(key)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	address := nodeAddress
	if !pod.Spec.HostNetwork {
		// Under its name, not its uid: a StatefulSet's pod keeps its address, which is allowed.
		address = p.addresses.take(key, pod.Status.PodIP)
	}
	decision := decide(pod, address, time.Now())
	if decision.Remove {
		return 0, p.client.CoreV1().Pods(namespace).Delete(ctx, name, meta.DeleteOptions{
			GracePeriodSeconds: ptr.To[int64](0),
			Preconditions:      &meta.Preconditions{UID: &pod.UID},
		})
	}
	if equality.Semantic.DeepEqual(decision.Status, pod.Status) {
		return decision.Again, nil
	}
	update := &core.Pod{ObjectMeta: *pod.ObjectMeta.DeepCopy(), Spec: pod.Spec, Status: decision.Status}
	_, err = p.client.CoreV1().Pods(namespace).UpdateStatus(ctx, update, meta.UpdateOptions{})
	return decision.Again, err
}
