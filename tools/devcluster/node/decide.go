package node

import (
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const (
	// longestGrace caps the time between a pod's deletion and its end; real programs take up to 30 s.
	longestGrace = time.Second
	// probeDelay is how long a container with a readiness probe runs before it is ready.
	probeDelay = 200 * time.Millisecond
	// jobDuration is how long a Job's pod runs.
	jobDuration = 500 * time.Millisecond
)

// decision is what to do about a pod: remove it, or give it a status, and when to look again.
type decision struct {
	Remove bool
	Status core.PodStatus
	Again  time.Duration
}

// decide says what a pod's status is at a time. It keeps what it decided before, so a second call
// with the same time changes nothing.
func decide(pod *core.Pod, address string, now time.Time) decision {
	status := *pod.Status.DeepCopy()
	if pod.DeletionTimestamp != nil {
		return end(pod, status, now)
	}
	if status.Phase == core.PodSucceeded || status.Phase == core.PodFailed {
		return decision{Status: status}
	}
	begin(pod, &status, address, now)
	failure := failureOf(pod)
	var again time.Duration
	switch {
	case failure == failPull:
		refusePull(pod, &status)
	case failure == failCrash && ownedByJob(pod) && pod.Spec.RestartPolicy == core.RestartPolicyNever:
		finish(pod, &status, now, 1)
	case failure == failCrash:
		again = crash(pod, &status, now)
	default:
		again = run(pod, &status, now, failure == failUnready)
	}
	return decision{Status: status, Again: again}
}

// end removes a pod when its grace is over. A Job counts its pods by how they ended, so those get
// their last status first.
func end(pod *core.Pod, status core.PodStatus, now time.Time) decision {
	grace := time.Duration(ptr.Deref(pod.DeletionGracePeriodSeconds, 0)) * time.Second
	if grace == 0 && len(pod.Finalizers) > 0 {
		return decision{Status: status} // ours is done; the finalizers' owners are next
	}
	asked := pod.DeletionTimestamp.Add(-grace)
	if wait := asked.Add(min(grace, longestGrace)).Sub(now); wait > 0 {
		return decision{Status: status, Again: wait}
	}
	if ownedByJob(pod) && status.Phase != core.PodSucceeded && status.Phase != core.PodFailed {
		finish(pod, &status, now, exitTerminated)
		return decision{Status: status}
	}
	return decision{Remove: true}
}

// begin writes what holds from the moment a pod reaches its node.
func begin(pod *core.Pod, status *core.PodStatus, address string, now time.Time) {
	if status.StartTime == nil {
		status.StartTime = ptr.To(meta.NewTime(now))
	}
	status.ObservedGeneration = pod.Generation
	status.HostIP = nodeAddress
	status.HostIPs = []core.HostIP{{IP: nodeAddress}}
	status.PodIP = address
	status.PodIPs = []core.PodIP{{IP: address}}
	setCondition(status, core.PodScheduled, true, "", now)
	setCondition(status, core.PodInitialized, true, "", now)
	setCondition(status, core.PodReadyToStartContainers, true, "", now)
}

// run brings a pod up: running at once, ready when its probes had time, done if a Job runs it.
func run(pod *core.Pod, status *core.PodStatus, now time.Time, unready bool) time.Duration {
	started := runningSince(pod, status, now)
	age := now.Sub(started)
	if ownedByJob(pod) && pod.Spec.RestartPolicy != core.RestartPolicyAlways {
		if age >= jobDuration {
			finish(pod, status, now, 0)
			return 0
		}
		setRunning(pod, status, started, func(core.Container) bool { return !unready })
		setReady(status, !unready, now)
		return jobDuration - age
	}
	// Times in a status have whole seconds: a young container may seem up to a second older.
	ready := func(container core.Container) bool {
		return !unready && (container.ReadinessProbe == nil || wasSeenRunning(pod, container.Name) && age >= probeDelay)
	}
	all := !unready
	for _, container := range pod.Spec.Containers {
		all = all && ready(container)
	}
	setRunning(pod, status, started, ready)
	setReady(status, all, now)
	if all || unready {
		return 0
	}
	return probeDelay
}

func wasSeenRunning(pod *core.Pod, name string) bool {
	container := containerStatus(pod.Status.ContainerStatuses, name)
	return container != nil && container.State.Running != nil
}

// runningSince finds when the containers started; the answer stays the same over later decisions.
func runningSince(pod *core.Pod, status *core.PodStatus, now time.Time) time.Time {
	for _, container := range pod.Spec.Containers {
		if have := containerStatus(status.ContainerStatuses, container.Name); have != nil && have.State.Running != nil {
			return have.State.Running.StartedAt.Time
		}
	}
	return now
}

func ownedByJob(pod *core.Pod) bool {
	owner := meta.GetControllerOf(pod)
	return owner != nil && owner.Kind == "Job"
}
