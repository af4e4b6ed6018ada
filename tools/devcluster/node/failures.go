package node

import (
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// FailAnnotation on a pod, usually from its template, makes the pod fail in one of the ways below.
// Any other value is ignored.
const FailAnnotation = "devcluster.setpoint.dev/fail"

const (
	failCrash   = "crash"   // the containers end with 1 and are started again, ever more rarely
	failUnready = "unready" // the containers run, the readiness probe never succeeds
	failPull    = "pull"    // the image cannot be had
)

const (
	// firstBackoff and longestBackoff are shorter than a kubelet's 10 s and 5 min: a test watches several restarts.
	firstBackoff   = time.Second
	longestBackoff = time.Minute
)

func failureOf(pod *core.Pod) string {
	return pod.Annotations[FailAnnotation]
}

// crash restarts all containers when their back-off is over, and returns when the next one is.
func crash(pod *core.Pod, status *core.PodStatus, now time.Time) time.Duration {
	status.Phase = core.PodRunning
	setInit(pod, status, now)
	next := longestBackoff
	status.ContainerStatuses = mapContainers(pod, pod.Spec.Containers, status.ContainerStatuses,
		func(_ core.Container, have *core.ContainerStatus) {
			wait := restartAt(have).Sub(now)
			if have.State.Waiting == nil || wait <= 0 {
				have.LastTerminationState = terminated(have, now, 1)
				have.RestartCount++
				wait = backoff(have.RestartCount)
			}
			have.Ready, have.Started = false, ptr.To(false)
			have.State = core.ContainerState{Waiting: &core.ContainerStateWaiting{
				Reason: "CrashLoopBackOff",
				Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)",
					backoff(have.RestartCount), have.Name, pod.Name, pod.Namespace, pod.UID),
			}}
			next = min(next, wait)
		})
	setReady(status, false, now)
	return next
}

func restartAt(have *core.ContainerStatus) time.Time {
	if have.LastTerminationState.Terminated == nil {
		return time.Time{}
	}
	return have.LastTerminationState.Terminated.FinishedAt.Add(backoff(have.RestartCount))
}

func backoff(restarts int32) time.Duration {
	doublings := min(max(restarts-1, 0), 10) // 2^10 s is beyond the longest
	return min(firstBackoff<<doublings, longestBackoff)
}

// refusePull leaves all containers waiting for their image.
func refusePull(pod *core.Pod, status *core.PodStatus) {
	status.Phase = core.PodPending
	now := status.StartTime.Time
	status.ContainerStatuses = mapContainers(pod, pod.Spec.Containers, status.ContainerStatuses,
		func(container core.Container, have *core.ContainerStatus) {
			have.Ready, have.Started = false, ptr.To(false)
			have.State = core.ContainerState{Waiting: &core.ContainerStateWaiting{
				Reason:  "ImagePullBackOff",
				Message: fmt.Sprintf("Back-off pulling image %q: ErrImagePull: the annotation %s asks for it", container.Image, FailAnnotation),
			}}
		})
	setReady(status, false, now)
}
