package node

import (
	"crypto/sha256"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// exitTerminated is the exit code of a program ended by SIGTERM.
const exitTerminated = 128 + 15

const (
	reasonCompleted = "Completed"
	reasonError     = "Error"
	reasonNotReady  = "ContainersNotReady"
)

// setRunning writes the statuses of running containers; init containers have completed before.
func setRunning(pod *core.Pod, status *core.PodStatus, started time.Time, ready func(core.Container) bool) {
	status.Phase = core.PodRunning
	setInit(pod, status, started)
	status.ContainerStatuses = mapContainers(pod, pod.Spec.Containers, status.ContainerStatuses,
		func(container core.Container, have *core.ContainerStatus) {
			if have.State.Running == nil {
				have.State = runningSinceTime(started)
			}
			have.Ready = ready(container)
			have.Started = ptr.To(true)
		})
}

// setInit completes the init containers, and keeps those running that are sidecars.
func setInit(pod *core.Pod, status *core.PodStatus, now time.Time) {
	status.InitContainerStatuses = mapContainers(pod, pod.Spec.InitContainers, status.InitContainerStatuses,
		func(container core.Container, have *core.ContainerStatus) {
			sidecar := ptr.Deref(container.RestartPolicy, "") == core.ContainerRestartPolicyAlways
			have.Ready = true
			have.Started = ptr.To(sidecar)
			switch {
			case sidecar && have.State.Running == nil:
				have.State = runningSinceTime(now)
			case !sidecar && have.State.Terminated == nil:
				have.State = terminated(have, now, 0)
			}
		})
}

// finish ends all containers with an exit code, and so the pod.
func finish(pod *core.Pod, status *core.PodStatus, now time.Time, exit int32) {
	status.Phase = core.PodSucceeded
	reason := "PodCompleted"
	if exit != 0 {
		status.Phase, reason = core.PodFailed, "PodFailed"
	}
	setInit(pod, status, now)
	for i := range status.InitContainerStatuses {
		if sidecar := &status.InitContainerStatuses[i]; sidecar.State.Running != nil {
			sidecar.State, sidecar.Started = terminated(sidecar, now, 0), ptr.To(false)
		}
	}
	status.ContainerStatuses = mapContainers(pod, pod.Spec.Containers, status.ContainerStatuses,
		func(_ core.Container, have *core.ContainerStatus) {
			have.State = terminated(have, now, exit)
			have.Ready = false
			have.Started = ptr.To(false)
		})
	setCondition(status, core.ContainersReady, false, reason, now)
	setCondition(status, core.PodReady, false, reason, now)
}

func setReady(status *core.PodStatus, ready bool, now time.Time) {
	reason := ""
	if !ready {
		reason = reasonNotReady
	}
	setCondition(status, core.ContainersReady, ready, reason, now)
	setCondition(status, core.PodReady, ready, reason, now)
}

// setCondition changes a condition; the time of transition stays where the value does.
func setCondition(status *core.PodStatus, kind core.PodConditionType, holds bool, reason string, now time.Time) {
	wanted := core.PodCondition{
		Type: kind, Status: core.ConditionFalse, Reason: reason, LastTransitionTime: meta.NewTime(now),
	}
	if holds {
		wanted.Status = core.ConditionTrue
	}
	for i := range status.Conditions {
		have := &status.Conditions[i]
		if have.Type != kind {
			continue
		}
		if have.Status != wanted.Status {
			have.LastTransitionTime = wanted.LastTransitionTime
		}
		have.Status, have.Reason = wanted.Status, wanted.Reason
		return
	}
	status.Conditions = append(status.Conditions, wanted)
}

// mapContainers changes the status of each container, beginning with what is known of it.
func mapContainers(
	pod *core.Pod, containers []core.Container, known []core.ContainerStatus,
	change func(core.Container, *core.ContainerStatus),
) []core.ContainerStatus {
	var result []core.ContainerStatus
	for _, container := range containers {
		status := core.ContainerStatus{Name: container.Name}
		if have := containerStatus(known, container.Name); have != nil {
			status = *have
		}
		status.Image = container.Image
		change(container, &status)
		if status.State.Waiting == nil {
			status.ImageID = "simulated@sha256:" + digest(container.Image)
			status.ContainerID = containerID(pod, status)
		}
		result = append(result, status)
	}
	return result
}

func containerStatus(known []core.ContainerStatus, name string) *core.ContainerStatus {
	for i := range known {
		if known[i].Name == name {
			return &known[i]
		}
	}
	return nil
}

func runningSinceTime(started time.Time) core.ContainerState {
	return core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: meta.NewTime(started)}}
}

// terminated ends a container, with the time of its start if that is known.
func terminated(have *core.ContainerStatus, now time.Time, exit int32) core.ContainerState {
	started := meta.NewTime(now)
	if have.State.Running != nil {
		started = have.State.Running.StartedAt
	}
	reason := reasonCompleted
	if exit != 0 {
		reason = reasonError
	}
	return core.ContainerState{Terminated: &core.ContainerStateTerminated{
		ExitCode: exit, Reason: reason, StartedAt: started, FinishedAt: meta.NewTime(now), ContainerID: have.ContainerID,
	}}
}

func containerID(pod *core.Pod, status core.ContainerStatus) string {
	return "simulated://" + digest(fmt.Sprint(pod.UID, status.Name, status.RestartCount))
}

func digest(text string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
}
