package node

import (
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

const address = "10.244.0.7"

func newPod(change ...func(*core.Pod)) *core.Pod {
	pod := &core.Pod{
		ObjectMeta: meta.ObjectMeta{Name: "web", Namespace: "default", UID: "1", Generation: 1},
		Spec: core.PodSpec{
			RestartPolicy:  core.RestartPolicyAlways,
			InitContainers: []core.Container{{Name: "first", Image: "busybox:1"}},
			Containers:     []core.Container{{Name: "main", Image: "nginx:1"}},
		},
		Status: core.PodStatus{Phase: core.PodPending},
	}
	for _, one := range change {
		one(pod)
	}
	return pod
}

func failing(how string) func(*core.Pod) {
	return func(pod *core.Pod) { pod.Annotations = map[string]string{FailAnnotation: how} }
}

func ofJob(pod *core.Pod) {
	pod.OwnerReferences = []meta.OwnerReference{{Kind: "Job", Name: "once", Controller: ptr.To(true)}}
	pod.Spec.RestartPolicy = core.RestartPolicyNever
}

func probed(pod *core.Pod) {
	pod.Spec.Containers[0].ReadinessProbe = &core.Probe{}
}

func deleted(grace int64) func(*core.Pod) {
	return func(pod *core.Pod) {
		pod.DeletionTimestamp = ptr.To(meta.NewTime(noon.Add(time.Duration(grace) * time.Second)))
		pod.DeletionGracePeriodSeconds = &grace
	}
}

// step decides and stores the status, as the API server does.
func step(pod *core.Pod, now time.Time) decision {
	result := decide(pod, address, now)
	pod.Status = *result.Status.DeepCopy()
	return result
}

func isPodReady(pod *core.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == core.PodReady {
			return condition.Status == core.ConditionTrue
		}
	}
	return false
}

func TestAPodWithoutProbesIsReadyAtOnce(t *testing.T) {
	pod := newPod()
	step(pod, noon)
	if pod.Status.Phase != core.PodRunning || !isPodReady(pod) {
		t.Fatalf("expected running and ready: %+v", pod.Status)
	}
	if pod.Status.PodIP != address || pod.Status.StartTime == nil || pod.Status.ObservedGeneration != 1 {
		t.Errorf("address, start or generation is missing: %+v", pod.Status)
	}
	if ended := pod.Status.InitContainerStatuses[0].State.Terminated; ended == nil || ended.ExitCode != 0 {
		t.Errorf("the init container has not completed: %+v", pod.Status.InitContainerStatuses)
	}
}

func TestAProbedPodRunsBeforeItIsReady(t *testing.T) {
	pod := newPod(probed)
	first := step(pod, noon)
	if pod.Status.Phase != core.PodRunning || isPodReady(pod) || first.Again != probeDelay {
		t.Fatalf("expected running, not ready, to be looked at again: %+v", first)
	}
	step(pod, noon.Add(first.Again))
	if !isPodReady(pod) {
		t.Errorf("expected ready: %+v", pod.Status)
	}
}

func TestASecondDecisionChangesNothing(t *testing.T) {
	for name, change := range map[string]func(*core.Pod){
		"plain": func(*core.Pod) {}, "crash": failing(failCrash), "pull": failing(failPull),
		"unready": failing(failUnready), "probed": probed, "job": ofJob,
	} {
		pod := newPod(change)
		step(pod, noon)
		before := *pod.Status.DeepCopy()
		step(pod, noon)
		if !equality.Semantic.DeepEqual(before, pod.Status) {
			t.Errorf("%s: %+v became %+v", name, before, pod.Status)
		}
	}
}

func TestACrashingPodIsRestartedEverMoreRarely(t *testing.T) {
	pod := newPod(failing(failCrash))
	now := noon
	var waits []time.Duration
	for range 8 {
		result := step(pod, now)
		waits = append(waits, result.Again)
		now = now.Add(result.Again)
	}
	have := pod.Status.ContainerStatuses[0]
	if have.RestartCount != 8 || have.State.Waiting.Reason != "CrashLoopBackOff" || have.LastTerminationState.Terminated.ExitCode != 1 {
		t.Errorf("unexpected status: %+v", have)
	}
	if waits[0] != firstBackoff || waits[1] != 2*firstBackoff || waits[7] != longestBackoff {
		t.Errorf("unexpected back-off: %v", waits)
	}
	if isPodReady(pod) {
		t.Error("a crashing pod is ready")
	}
}

func TestAPodWhoseImageIsNotThereStaysPending(t *testing.T) {
	pod := newPod(failing(failPull))
	step(pod, noon)
	if pod.Status.Phase != core.PodPending || pod.Status.ContainerStatuses[0].State.Waiting.Reason != "ImagePullBackOff" {
		t.Errorf("unexpected status: %+v", pod.Status)
	}
}

func TestAnUnreadyPodRunsForEver(t *testing.T) {
	pod := newPod(failing(failUnready))
	if result := step(pod, noon); result.Again != 0 || pod.Status.Phase != core.PodRunning || isPodReady(pod) {
		t.Errorf("unexpected decision: %+v", result)
	}
}

func TestAPodHealsWhenItsAnnotationIsRemoved(t *testing.T) {
	for _, how := range []string{failCrash, failUnready, failPull} {
		pod := newPod(failing(how))
		step(pod, noon)
		pod.Annotations = nil
		step(pod, noon.Add(time.Second))
		if !isPodReady(pod) {
			t.Errorf("%s: still not ready: %+v", how, pod.Status)
		}
	}
}

func TestThePodOfAJobSucceedsAfterItsTime(t *testing.T) {
	pod := newPod(ofJob)
	first := step(pod, noon)
	if pod.Status.Phase != core.PodRunning || first.Again != jobDuration {
		t.Fatalf("expected it to run first: %+v", first)
	}
	step(pod, noon.Add(jobDuration))
	if pod.Status.Phase != core.PodSucceeded || pod.Status.ContainerStatuses[0].State.Terminated.ExitCode != 0 {
		t.Errorf("expected success: %+v", pod.Status)
	}
}

func TestACrashingPodOfAJobThatIsNotRestartedFails(t *testing.T) {
	pod := newPod(ofJob, failing(failCrash))
	step(pod, noon)
	if pod.Status.Phase != core.PodFailed {
		t.Errorf("expected failure: %+v", pod.Status)
	}
}

func TestADeletedPodIsRemovedAfterItsGraceOrASecond(t *testing.T) {
	for grace, wait := range map[int64]time.Duration{0: 0, 1: time.Second, 600: longestGrace} {
		pod := newPod(deleted(grace))
		if wait > 0 {
			if early := decide(pod, address, noon); early.Remove || early.Again != wait {
				t.Errorf("grace %d: expected to wait %s: %+v", grace, wait, early)
			}
		}
		if late := decide(pod, address, noon.Add(wait)); !late.Remove {
			t.Errorf("grace %d: expected removal: %+v", grace, late)
		}
	}
}

func TestAPodHeldByFinalizersIsNotRemovedTwice(t *testing.T) {
	pod := newPod(deleted(0), func(pod *core.Pod) { pod.Finalizers = []string{"example.com/hold"} })
	if result := decide(pod, address, noon); result.Remove || result.Again != 0 {
		t.Errorf("expected nothing to do: %+v", result)
	}
}

func TestADeletedPodOfAJobEndsBeforeItIsRemoved(t *testing.T) {
	pod := newPod(ofJob, deleted(1))
	if result := step(pod, noon.Add(time.Second)); result.Remove || pod.Status.Phase != core.PodFailed {
		t.Fatalf("expected a last status: %+v", result)
	}
	if result := step(pod, noon.Add(time.Second)); !result.Remove {
		t.Errorf("expected removal: %+v", result)
	}
}

func TestASidecarRunsBesideTheContainers(t *testing.T) {
	pod := newPod(func(pod *core.Pod) {
		pod.Spec.InitContainers[0].RestartPolicy = ptr.To(core.ContainerRestartPolicyAlways)
	})
	step(pod, noon)
	if pod.Status.InitContainerStatuses[0].State.Running == nil {
		t.Errorf("the sidecar does not run: %+v", pod.Status.InitContainerStatuses)
	}
}
