package node

import (
	"context"
	"time"

	core "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

const (
	provisioner      = "devcluster.setpoint.dev/volumes"
	defaultClass     = "standard"
	provisionedBy    = "pv.kubernetes.io/provisioned-by"
	noProvisioner    = "kubernetes.io/no-provisioner"
	classUnknownWait = 5 * time.Second
)

func makeDefaultClass(ctx context.Context, client kubernetes.Interface) error {
	_, err := client.StorageV1().StorageClasses().Create(ctx, &storage.StorageClass{
		ObjectMeta: meta.ObjectMeta{
			Name: defaultClass, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner:          provisioner,
		ReclaimPolicy:        ptr.To(core.PersistentVolumeReclaimDelete),
		VolumeBindingMode:    ptr.To(storage.VolumeBindingImmediate),
		AllowVolumeExpansion: ptr.To(true),
	}, meta.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// claimed makes a volume for each claim that waits for one; the real controller then binds them.
type claimed struct {
	client  kubernetes.Interface
	claims  listers.PersistentVolumeClaimLister
	classes storagelisters.StorageClassLister
}

func (c *claimed) name() string { return "volume for claim" }

func (c *claimed) handle(ctx context.Context, key string) (time.Duration, error) {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return 0, err
	}
	claim, err := c.claims.PersistentVolumeClaims(namespace).Get(name)
	if err != nil || !needsVolume(claim) {
		return 0, err
	}
	class, err := c.classes.Get(*claim.Spec.StorageClassName)
	if apierrors.IsNotFound(err) {
		return classUnknownWait, nil // as anywhere: the claim waits until the class is there
	}
	if err != nil || class.Provisioner == noProvisioner {
		return 0, err
	}
	_, err = c.client.CoreV1().PersistentVolumes().Create(ctx, newVolume(claim, class), meta.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return 0, nil
	}
	return 0, err
}

// needsVolume is false for claims that wait for a volume made by hand: those name one, or the empty class.
func needsVolume(claim *core.PersistentVolumeClaim) bool {
	return claim.Spec.VolumeName == "" && claim.DeletionTimestamp == nil &&
		claim.Status.Phase != core.ClaimBound && ptr.Deref(claim.Spec.StorageClassName, "") != ""
}

func newVolume(claim *core.PersistentVolumeClaim, class *storage.StorageClass) *core.PersistentVolume {
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{
			Name:        "pvc-" + string(claim.UID), // one per claim, however often it is made
			Annotations: map[string]string{provisionedBy: class.Provisioner},
		},
		Spec: core.PersistentVolumeSpec{
			Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			StorageClassName:              class.Name,
			PersistentVolumeReclaimPolicy: ptr.Deref(class.ReclaimPolicy, core.PersistentVolumeReclaimDelete),
			ClaimRef: &core.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
			PersistentVolumeSource: core.PersistentVolumeSource{
				CSI: &core.CSIPersistentVolumeSource{Driver: "volumes.devcluster.setpoint.dev", VolumeHandle: string(claim.UID)},
			},
		},
	}
}

// released deletes the volumes whose claim is gone.
type released struct {
	client  kubernetes.Interface
	volumes listers.PersistentVolumeLister
}

func (r *released) name() string { return "volume" }

func (r *released) handle(ctx context.Context, key string) (time.Duration, error) {
	volume, err := r.volumes.Get(key)
	if err != nil || !isOver(volume) {
		return 0, err
	}
	return 0, r.client.CoreV1().PersistentVolumes().Delete(ctx, key, meta.DeleteOptions{
		Preconditions: &meta.Preconditions{UID: &volume.UID},
	})
}

func isOver(volume *core.PersistentVolume) bool {
	return volume.Status.Phase == core.VolumeReleased && volume.DeletionTimestamp == nil &&
		volume.Annotations[provisionedBy] != "" &&
		volume.Spec.PersistentVolumeReclaimPolicy == core.PersistentVolumeReclaimDelete
}
