package node

import (
	"context"
	"errors"
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

// balancerRanges are reserved for documentation and measurements, so no real host is ever met. The
// last one has room for 130,000.
var balancerRanges = []string{"203.0.113.0/24", "198.51.100.0/24", "198.18.0.0/15"}

// balancers gives services of type LoadBalancer an address.
type balancers struct {
	client    kubernetes.Interface
	lister    listers.ServiceLister
	addresses *addresses
}

func newBalancers(client kubernetes.Interface, lister listers.ServiceLister) *balancers {
	return &balancers{client: client, lister: lister, addresses: newAddresses(balancerRanges...)}
}

// restore gives the services of an earlier run their addresses before a new one can take them.
func (b *balancers) restore() error {
	known, err := b.lister.List(labels.Everything())
	for _, service := range known {
		if wantsBalancer(service) && len(service.Status.LoadBalancer.Ingress) > 0 {
			b.addresses.take(cache.MetaObjectToName(service).String(), wishedAddress(service))
		}
	}
	return err
}

func (b *balancers) name() string { return "load balancer of service" }

func (b *balancers) handle(ctx context.Context, key string) (time.Duration, error) {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return 0, err
	}
	service, err := b.lister.Services(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		b.addresses.release(key)
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	wanted := core.LoadBalancerStatus{}
	if wantsBalancer(service) {
		address := b.addresses.take(key, wishedAddress(service))
		if address == "" {
			return time.Minute, errors.New("all load balancer addresses are taken; delete services of that type")
		}
		wanted = balancerStatus(address)
	} else {
		b.addresses.release(key)
	}
	if equality.Semantic.DeepEqual(service.Status.LoadBalancer, wanted) {
		return 0, nil
	}
	update := service.DeepCopy()
	update.Status.LoadBalancer = wanted
	_, err = b.client.CoreV1().Services(namespace).UpdateStatus(ctx, update, meta.UpdateOptions{})
	return 0, err
}

// wantsBalancer leaves alone what belongs to a load balancer implementation of its own.
func wantsBalancer(service *core.Service) bool {
	return service.Spec.Type == core.ServiceTypeLoadBalancer &&
		service.Spec.LoadBalancerClass == nil && service.DeletionTimestamp == nil
}

// wishedAddress is the one of an earlier run, or the one the service asks for.
func wishedAddress(service *core.Service) string {
	if have := service.Status.LoadBalancer.Ingress; len(have) > 0 {
		return have[0].IP
	}
	return service.Spec.LoadBalancerIP
}

func balancerStatus(address string) core.LoadBalancerStatus {
	return core.LoadBalancerStatus{
		Ingress: []core.LoadBalancerIngress{{IP: address, IPMode: ptr.To(core.LoadBalancerIPModeVIP)}},
	}
}
