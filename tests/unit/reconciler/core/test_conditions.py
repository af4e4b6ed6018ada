import copy

from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core import conditions
from services.reconciler.core.conditions import At, merge_patch
from services.reconciler.core.dependencies import SourceState
from services.reconciler.core.inventory import Inventory

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"
AT = At(generation=3, now=NOW)
REV = "main@sha1:" + "a" * 40
json = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.text(max_size=3)),
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(st.sampled_from("abc"), below)
    ),
    max_leaves=8,
)


def seen(status):
    return {
        one["type"]: (one["status"], one["reason"], one["message"]) for one in status["conditions"]
    }


def running():
    return conditions.progressing({"observedGeneration": -1}, AT, "Fetching")


def ready():
    return conditions.succeeded(running(), AT, revision=REV)


def test_a_pass_under_way_is_unknown():
    assert seen(running()) == {
        "Reconciling": ("True", "Progressing", "Fetching"),
        "Ready": ("Unknown", "Progressing", "Reconciliation in progress"),
    }
    assert running()["observedGeneration"] == -1


def test_success_names_the_revision_and_the_generation():
    status = ready()
    assert seen(status) == {
        "Ready": ("True", "ReconciliationSucceeded", f"Applied revision: {REV}")
    }
    assert (status["observedGeneration"], status["lastAppliedRevision"]) == (3, REV)
    assert "lastAppliedOriginRevision" not in status


def test_success_keeps_the_revision_of_the_origin_only_while_there_is_one():
    status = conditions.succeeded({}, AT, revision=REV, origin_revision="v1@sha1:b")
    assert status["lastAppliedOriginRevision"] == "v1@sha1:b"
    assert "lastAppliedOriginRevision" not in conditions.succeeded(status, AT, revision=REV)


def test_success_with_drift_that_stands_stays_ready_and_says_so():
    status = conditions.succeeded({}, AT, revision=REV, drifted=2)
    assert seen(status)["Ready"] == (
        "True",
        "ReconciliationSucceeded",
        f"Applied revision: {REV}; drifted: 2 objects",
    )


def test_an_ordinary_failure_keeps_reconciling_and_the_observed_generation():
    status = conditions.failed(running(), AT, "BuildFailed", "why")
    assert seen(status) == {
        "Reconciling": ("True", "ProgressingWithRetry", "Fetching"),
        "Ready": ("False", "BuildFailed", "why"),
    }
    assert status["observedGeneration"] == -1


def test_a_failure_before_the_work_adds_no_reconciling():
    status = conditions.failed(ready(), AT, "DependencyNotReady", "why", running=False)
    assert seen(status) == {"Ready": ("False", "DependencyNotReady", "why")}
    status = conditions.failed(running(), AT, "ArtifactFailed", "why", running=False)
    assert seen(status)["Reconciling"][1] == "ProgressingWithRetry"


def test_what_only_a_change_can_mend_is_stalled():
    status = conditions.stalled(running(), AT, "NotSupported", "why")
    assert seen(status) == {
        "Stalled": ("True", "NotSupported", "why"),
        "Ready": ("False", "NotSupported", "why"),
    }
    assert status["observedGeneration"] == 3
    denied = conditions.stalled(running(), AT, "AccessDenied", "why", observed=False)
    assert denied["observedGeneration"] == -1


def test_stalled_and_reconciling_exclude_each_other():
    stalled = conditions.stalled({}, AT, "NotSupported", "why")
    assert "Stalled" not in seen(conditions.progressing(stalled, AT, "x"))
    assert "Stalled" not in seen(conditions.failed(stalled, AT, "BuildFailed", "x"))
    assert "Stalled" not in seen(conditions.succeeded(stalled, AT, revision=REV))


def test_a_suspended_object_looks_stale_only_if_it_was_not_ready():
    suspended = conditions.suspended(ready(), At(generation=4, now=LATER))
    assert suspended["observedGeneration"] == 4
    failing = conditions.failed(running(), AT, "BuildFailed", "x")
    assert conditions.suspended(failing, At(generation=4, now=LATER)) == failing


def test_health_is_awaited_passed_failed_and_forgotten():
    waiting = conditions.checking_health({}, AT, "Running health checks")
    assert seen(waiting)["Healthy"] == ("Unknown", "Progressing", "Running health checks")
    passed = conditions.healthy(waiting, AT, 1.25)
    assert seen(passed)["Healthy"] == ("True", "Succeeded", "Health check passed in 1.25s")
    assert conditions.healthy(passed, At(generation=3, now=LATER), 9) == passed
    broken = conditions.unhealthy(passed, AT, message="long", tail="short")
    assert seen(broken)["Healthy"] == ("False", "HealthCheckFailed", "short")
    assert seen(broken)["Ready"] == ("False", "HealthCheckFailed", "long")
    assert "Healthy" not in seen(conditions.without_health(broken))


def test_transition_times_move_only_with_what_people_see():
    again = conditions.succeeded(ready(), At(generation=3, now=LATER), revision=REV)
    assert again["conditions"][0]["lastTransitionTime"] == NOW
    other = conditions.succeeded(ready(), At(generation=3, now=LATER), revision=REV + "b")
    assert other["conditions"][0]["lastTransitionTime"] == LATER


def test_a_pass_that_changes_nothing_writes_nothing():
    again = conditions.succeeded(ready(), At(generation=3, now=LATER), revision=REV)
    assert merge_patch(ready(), again) is None


def test_a_request_is_answered_by_its_own_value():
    assert conditions.handled({}, "now")["lastHandledReconcileAt"] == "now"
    assert conditions.handled({"a": 1}, "") == {"a": 1}


def test_an_attempt_is_recorded_with_the_number_of_its_source():
    source = SourceState(uid="u", sequence=7, digest="sha256:x")
    status = conditions.attempted({}, REV, source)
    assert status["lastAttemptedRevision"] == REV
    assert status["lastAttempted"] == {"sourceUID": "u", "sequence": 7}
    assert conditions.attempted_source(status) == SourceState(uid="u", sequence=7, digest="")
    assert conditions.attempted_source({}) is None
    assert "lastAttempted" not in conditions.attempted({}, REV, None)


def test_an_inventory_is_recorded_also_when_it_is_empty():
    status = conditions.with_inventory({}, Inventory.empty())
    assert status == {"inventory": {"entries": []}}


def test_the_status_that_was_given_is_not_changed():
    before = ready()
    copied = copy.deepcopy(before)
    conditions.failed(before, AT, "BuildFailed", "x")
    conditions.succeeded(before, At(generation=9, now=LATER), revision="r")
    assert before == copied


def patched(target, patch):
    found = dict(target)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, dict):
            inner = found.get(name)
            found[name] = patched(inner if isinstance(inner, dict) else {}, value)
        else:
            found[name] = value
    return found


@given(st.dictionaries(st.sampled_from("abc"), json), st.dictionaries(st.sampled_from("abc"), json))
def test_a_merge_patch_makes_the_new_of_the_old_and_is_none_between_equals(old, new):
    patch = merge_patch(old, new)
    assert (patch is None) == (old == new and repr(sorted(old)) == repr(sorted(new)))
    assert patched(old, patch or {}) == new
