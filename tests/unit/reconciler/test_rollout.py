from services.reconciler.core.health import Health, Status
from services.reconciler.core.rollout import GRACE, Awaited, Passed, Unhealthy, begin, look
from shared.model import ObjectKey

A, B = (ObjectKey(group="apps", kind="Deployment", namespace="default", name=name) for name in "ab")
GOOD, BUSY, BAD = (
    Health(Status.CURRENT),
    Health(Status.IN_PROGRESS, "0 of 1"),
    Health(Status.FAILED, "deadline"),
)


def test_it_passes_when_every_object_is_current():
    rollout = begin([A, B], now=10, timeout=30)
    rollout, verdict = look(rollout, {A: GOOD, B: BUSY}, now=11)
    assert verdict == Awaited(40)
    _, verdict = look(rollout, {A: GOOD, B: GOOD}, now=12.5)
    assert verdict == Passed(2.5)


def test_nothing_to_wait_for_passes_at_once():
    _, verdict = look(begin([], now=1, timeout=30), {}, now=1)
    assert verdict == Passed(0)


def test_a_failed_object_ends_the_wait_early():
    _, verdict = look(begin([A, B], now=0, timeout=30), {A: BAD, B: BUSY}, now=2)
    assert verdict == Unhealthy(seconds=2, early=True, healths={A: BAD, B: BUSY})


def test_the_deadline_ends_the_wait_and_objects_never_seen_are_named():
    _, verdict = look(begin([A], now=0, timeout=30), {}, now=30)
    assert isinstance(verdict, Unhealthy)
    assert not verdict.early
    assert verdict.healths[A].status is Status.UNKNOWN


def test_a_late_recovery_after_a_failure_still_passes():
    rollout, _ = look(begin([A], now=0, timeout=30), {A: BUSY}, now=31)
    assert rollout.failed
    rollout, verdict = look(rollout, {A: GOOD}, now=40)
    assert verdict == Passed(40)
    assert not rollout.failed


def test_after_ready_a_short_absence_is_forgiven_and_a_long_one_is_not():
    rollout, _ = look(begin([A], now=0, timeout=30), {A: GOOD}, now=1)
    rollout, verdict = look(rollout, {A: BUSY}, now=100)
    assert verdict == Awaited(100 + GRACE)
    forgiven, verdict = look(rollout, {A: GOOD}, now=110)
    assert verdict == Passed(10)  # what is told counts from when it went away
    assert forgiven.away_since is None
    _, verdict = look(rollout, {A: BUSY}, now=100 + GRACE)
    assert verdict == Unhealthy(seconds=GRACE, early=False, healths={A: BUSY})


def test_after_ready_a_failure_is_told_at_once():
    rollout, _ = look(begin([A], now=0, timeout=30), {A: GOOD}, now=1)
    _, verdict = look(rollout, {A: BAD}, now=100)
    assert isinstance(verdict, Unhealthy)
    assert verdict.early
