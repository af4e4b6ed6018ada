from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.health import (
    ORDER,
    Health,
    Status,
    compute,
    needs_whole_object,
    rank,
    worst,
)
from tests.unit.reconciler.made import obj
from tests.unit.reconciler.recorded import recorded

CURRENT, PROGRESS, FAILED = Status.CURRENT, Status.IN_PROGRESS, Status.FAILED
NOW = datetime(2026, 1, 1, tzinfo=UTC)
json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(
            st.sampled_from(["conditions", "type", "status", "replicas", "phase", "spec"]), below
        ),
    ),
    max_leaves=10,
)


def condition(type_, status, reason=""):
    return {"type": type_, "status": status, "reason": reason}


def judged(kind, version="v1", **body):
    return compute(obj(kind, "x", "n", version, **body), now=NOW).status


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("Deployment", "apps/v1"),
        ("StatefulSet", "apps/v1"),
        ("DaemonSet", "apps/v1"),
        ("ReplicaSet", "apps/v1"),
        ("Job", "batch/v1"),
        ("Pod", "v1"),
        ("PersistentVolumeClaim", "v1"),
        ("Service", "v1"),
        ("CustomResourceDefinition", "apiextensions.k8s.io/v1"),
        ("Widget", "example.org/v1"),
    ],
)
@given(spec=json, status=json, metadata=json)
def test_any_object_has_a_health(kind, version, spec, status, metadata):
    found = compute(
        {"apiVersion": version, "kind": kind, "spec": spec, "status": status, "metadata": metadata}
    )
    assert found.status in ORDER


def test_a_real_deployment_goes_from_in_progress_to_current():
    case = recorded("status")
    assert compute(case.applied).status is PROGRESS
    assert compute(case.live).status is CURRENT


class TestBeforeTheKindMatters:
    def test_an_object_that_is_deleted_is_terminating(self):
        found = judged("ConfigMap", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
        assert found is Status.TERMINATING

    def test_a_status_of_another_generation_is_not_believed(self):
        body = {"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}
        assert judged("Widget", "example.org/v1", **body) is PROGRESS

    def test_a_status_without_a_generation_is_believed(self):
        assert judged("Widget", "example.org/v1", metadata={"generation": 2}) is CURRENT

    @pytest.mark.parametrize(
        ("conditions", "expected"),
        [
            ([condition("Reconciling", "True"), condition("Stalled", "True")], PROGRESS),
            ([condition("Stalled", "True"), condition("Reconciling", "True")], FAILED),
            ([condition("Stalled", "False"), condition("Ready", "True")], CURRENT),
            ([condition("Ready", "False")], PROGRESS),
            ([condition("Ready", "Unknown")], PROGRESS),
            ([condition("Other", "False")], CURRENT),
            ([], CURRENT),
        ],
    )
    def test_conditions_decide_for_kinds_without_a_rule(self, conditions, expected):
        assert judged("Widget", "example.org/v1", status={"conditions": conditions}) is expected


def deployment(wanted=2, **status):
    body = {
        "replicas": 2,
        "updatedReplicas": 2,
        "availableReplicas": 2,
        "readyReplicas": 2,
        "conditions": [
            condition("Progressing", "True", "NewReplicaSetAvailable"),
            condition("Available", "True"),
        ],
    } | status
    spec = {"replicas": wanted, "progressDeadlineSeconds": 600}
    return judged("Deployment", "apps/v1", spec=spec, status=body)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, CURRENT),
        ({"replicas": 1}, PROGRESS),
        ({"replicas": 3}, PROGRESS),
        ({"updatedReplicas": 1}, PROGRESS),
        ({"availableReplicas": 1}, PROGRESS),
        ({"readyReplicas": 1}, PROGRESS),
        ({"conditions": [condition("Available", "True")]}, PROGRESS),
        (
            {"conditions": [condition("Progressing", "True", "NewReplicaSetAvailable")]},
            PROGRESS,
        ),
        (
            {"conditions": [condition("Progressing", "False", "ProgressDeadlineExceeded")]},
            FAILED,
        ),
    ],
)
def test_a_deployment_is_current_when_rolled_out_and_available(status, expected):
    assert deployment(**status) is expected


def test_a_deployment_without_a_deadline_needs_no_progress_condition():
    status = {
        "replicas": 1,
        "updatedReplicas": 1,
        "availableReplicas": 1,
        "readyReplicas": 1,
        "conditions": [condition("Available", "True")],
    }
    assert judged("Deployment", "apps/v1", spec={}, status=status) is CURRENT


def test_a_deployment_scaled_to_nothing_is_current():
    zero = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), 0)
    assert deployment(wanted=0, **zero) is CURRENT


@pytest.mark.parametrize(
    ("strategy", "status", "expected"),
    [
        ({}, {}, CURRENT),
        ({}, {"replicas": 1}, PROGRESS),
        ({}, {"readyReplicas": 1}, PROGRESS),
        ({}, {"replicas": 3}, PROGRESS),
        ({}, {"currentReplicas": 1}, PROGRESS),
        ({}, {"updateRevision": "b"}, PROGRESS),
        ({"type": "OnDelete"}, {"replicas": 0}, CURRENT),
        ({"rollingUpdate": {"partition": 1}}, {"updatedReplicas": 0}, PROGRESS),
        ({"rollingUpdate": {"partition": 1}}, {"updatedReplicas": 1}, CURRENT),
        ({"rollingUpdate": {"partition": 0}}, {"updatedReplicas": 1}, PROGRESS),
    ],
)
def test_a_stateful_set_is_current_at_its_revision(strategy, status, expected):
    full = {
        "replicas": 2,
        "readyReplicas": 2,
        "currentReplicas": 2,
        "updatedReplicas": 2,
        "currentRevision": "a",
        "updateRevision": "a",
    } | status
    spec = {"replicas": 2, "updateStrategy": strategy}
    assert judged("StatefulSet", "apps/v1", spec=spec, status=full) is expected


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("", CURRENT),
        ("observedGeneration", PROGRESS),
        ("desiredNumberScheduled", PROGRESS),
        ("currentNumberScheduled", PROGRESS),
        ("updatedNumberScheduled", PROGRESS),
        ("numberAvailable", PROGRESS),
        ("numberReady", PROGRESS),
    ],
)
def test_a_daemon_set_is_current_on_all_nodes(missing, expected):
    status = {
        "observedGeneration": 1,
        "desiredNumberScheduled": 3,
        "currentNumberScheduled": 3,
        "updatedNumberScheduled": 3,
        "numberAvailable": 3,
        "numberReady": 3,
    }
    status.pop(missing, None)
    found = judged("DaemonSet", "apps/v1", metadata={"generation": 1}, status=status)
    assert found is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, CURRENT),
        ({"fullyLabeledReplicas": 0}, PROGRESS),
        ({"availableReplicas": 0}, PROGRESS),
        ({"readyReplicas": 0}, PROGRESS),
        ({"replicas": 2}, PROGRESS),
        ({"conditions": [condition("ReplicaFailure", "True")]}, PROGRESS),
    ],
)
def test_a_replica_set_is_current_with_all_replicas(status, expected):
    full = {
        "replicas": 1,
        "fullyLabeledReplicas": 1,
        "availableReplicas": 1,
        "readyReplicas": 1,
    } | status
    assert judged("ReplicaSet", "apps/v1", spec={}, status=full) is expected


UNSCHEDULABLE = [condition("PodScheduled", "False", "Unschedulable")]


def pending(seconds, conditions):
    created = (NOW - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return judged(
        "Pod",
        metadata={"creationTimestamp": created},
        status={"phase": "Pending", "conditions": conditions},
    )


def test_a_pod_that_nobody_schedules_fails_after_a_while():
    assert pending(10, UNSCHEDULABLE) is PROGRESS
    assert pending(20, UNSCHEDULABLE) is FAILED
    assert pending(20, []) is PROGRESS


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Succeeded"}, CURRENT),
        ({"phase": "Failed"}, CURRENT),
        ({"phase": "Running", "conditions": [condition("Ready", "True")]}, CURRENT),
        ({"phase": "Running"}, PROGRESS),
        (
            {
                "phase": "Running",
                "containerStatuses": [
                    {"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
                ],
            },
            FAILED,
        ),
        ({}, PROGRESS),
        ({"phase": "Lost"}, Status.UNKNOWN),
    ],
)
def test_a_pod_is_judged_by_its_phase(status, expected):
    assert judged("Pod", status=status) is expected


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({}, {}, PROGRESS),
        ({}, {"startTime": "t", "active": 1}, PROGRESS),
        ({}, {"startTime": "t", "conditions": [condition("Complete", "True")]}, CURRENT),
        ({}, {"startTime": "t", "conditions": [condition("Failed", "True")]}, FAILED),
        ({"suspend": True}, {}, CURRENT),
    ],
)
def test_a_job_is_current_when_complete_and_not_when_started(spec, status, expected):
    assert judged("Job", "batch/v1", spec=spec, status=status) is expected


@pytest.mark.parametrize(
    ("kind", "version", "body", "expected"),
    [
        ("PersistentVolumeClaim", "v1", {"status": {"phase": "Bound"}}, CURRENT),
        ("PersistentVolumeClaim", "v1", {"status": {"phase": "Pending"}}, PROGRESS),
        ("Service", "v1", {"spec": {"type": "ClusterIP"}}, CURRENT),
        ("Service", "v1", {"spec": {"type": "LoadBalancer"}}, PROGRESS),
        ("Service", "v1", {"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}}, CURRENT),
        ("ConfigMap", "v1", {"status": {"conditions": [condition("Ready", "False")]}}, CURRENT),
        ("CronJob", "batch/v1", {}, CURRENT),
        ("PodDisruptionBudget", "policy/v1", {}, CURRENT),
    ],
)
def test_small_kinds_have_small_rules(kind, version, body, expected):
    assert judged(kind, version, **body) is expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], PROGRESS),
        ([condition("Established", "True")], CURRENT),
        ([condition("Established", "False", "Installing")], PROGRESS),
        ([condition("Established", "False", "Broken")], FAILED),
        ([condition("NamesAccepted", "False"), condition("Established", "True")], FAILED),
    ],
)
def test_a_definition_is_current_when_its_kind_is_served(conditions, expected):
    found = judged(
        "CustomResourceDefinition",
        "apiextensions.k8s.io/v1",
        status={"conditions": conditions},
    )
    assert found is expected


def test_the_worst_of_many_is_their_health():
    found = [Health(CURRENT), Health(PROGRESS, "a"), Health(FAILED, "b"), Health(FAILED, "c")]
    assert worst(found) == Health(FAILED, "b")
    assert worst([]).status is CURRENT
    assert [rank(one) for one in ORDER] == sorted(rank(one) for one in Status)


@pytest.mark.parametrize(
    ("group", "kind", "expected"),
    [
        ("apps", "Deployment", True),
        ("", "Pod", True),
        ("apiextensions.k8s.io", "CustomResourceDefinition", True),
        ("example.org", "Widget", True),
        ("gateway.networking.k8s.io", "Gateway", True),
        ("", "ConfigMap", False),
        ("", "Secret", False),
        ("batch", "CronJob", False),
        ("networking.k8s.io", "Ingress", False),
        ("rbac.authorization.k8s.io", "Role", False),
    ],
)
def test_whole_objects_are_watched_only_where_health_needs_them(group, kind, expected):
    assert needs_whole_object(group, kind) is expected


def test_a_health_reads_as_state_and_reason():
    assert str(Health(FAILED, "why")) == "Failed: why"
    assert str(Health(CURRENT)) == "Current"


@pytest.mark.parametrize("junk", [["False"], {"a": "b"}, 1, None])
def test_a_status_that_is_no_text_is_no_state_and_breaks_nothing(junk):
    conditions = [{"type": "Ready", "status": junk, "message": junk}]
    assert judged("Widget", "example.com/v1", status={"conditions": conditions}) is CURRENT
