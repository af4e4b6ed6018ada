"""
Health as a state: awaited after an apply, then followed; never a wait that holds anything up.

Times are seconds of a monotonic clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from services.reconciler.core.health import Health, Status
from shared.model import ObjectKey

# An object that is replaced or rolled by its controller is away for some seconds.
GRACE = 30.0
_UNSEEN: Final = Health(Status.UNKNOWN, "not seen yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """
    What is being waited for, since when, until when.

    ``failed`` says that it was told to have failed; ``away_since`` since when something that had
    been healthy is not.
    """

    keys: frozenset[ObjectKey]
    began: float
    deadline: float
    passed: bool = False
    failed: bool = False
    away_since: float | None = None


@dataclass(frozen=True, slots=True)
class Awaited:
    """
    Not there yet; look again at ``until`` if nothing happens before.
    """

    until: float


@dataclass(frozen=True, slots=True)
class Passed:
    """
    Everything does its job, after ``seconds``.
    """

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhealthy:
    """
    An object failed (``early``), or the time ran out.
    """

    seconds: float
    early: bool
    healths: Mapping[ObjectKey, Health]


Verdict = Awaited | Passed | Unhealthy


def begin(keys: Iterable[ObjectKey], *, now: float, timeout: float) -> Rollout:
    """
    Begin to wait.
    """
    return Rollout(keys=frozenset(keys), began=now, deadline=now + timeout)


def look(
    rollout: Rollout, known: Mapping[ObjectKey, Health], *, now: float
) -> tuple[Rollout, Verdict]:
    """
    Judge what is known of the objects now.
    """
    healths = {key: known.get(key, _UNSEEN) for key in rollout.keys}
    missing = {key: health for key, health in healths.items() if health.status != Status.CURRENT}
    seconds = now - rollout.began
    if not missing:
        new = replace(rollout, passed=True, failed=False, away_since=None)
        return new, Passed(seconds)
    early = any(health.status is Status.FAILED for health in missing.values())
    if not rollout.passed:
        if early or now >= rollout.deadline:
            failed = replace(rollout, failed=True)
            return failed, Unhealthy(seconds=seconds, early=early, healths=missing)
        return rollout, Awaited(rollout.deadline)
    since = rollout.away_since if rollout.away_since is not None else now
    rollout = replace(rollout, away_since=since, began=since)
    if early or now - since >= GRACE:
        failed = replace(rollout, failed=True)
        return failed, Unhealthy(seconds=now - since, early=early, healths=missing)
    return rollout, Awaited(since + GRACE)
