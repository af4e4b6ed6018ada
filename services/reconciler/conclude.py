"""
End a pass: health where it is asked for, the events, and the status that says how it went.

The same code follows health after the pass, each time that a watch shows something new.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from services.reconciler.core import conditions, messages
from services.reconciler.core.history import Snapshot, record
from services.reconciler.core.manifest import group_of
from services.reconciler.core.obstacles import overtaken
from services.reconciler.core.rollout import Awaited, Passed, Unhealthy, begin, look
from services.reconciler.core.schedule import After
from services.reconciler.core.standing import drifted
from services.reconciler.declaration import Json
from services.reconciler.lane import Lane
from services.reconciler.report import Report
from services.reconciler.result import Result
from shared.api import Kustomization
from shared.model import Conditions, ObjectKey
from shared.runtime import Clock
from shared.runtime.clock import rfc3339

# Seconds that health may take before people read in the status that it is awaited: most rollouts
# are over by then, and one write is spared for each.
UNTOLD = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """
    How a pass ended, and the status that may be written when nobody has other work.
    """

    after: After
    delay: float | None = None
    later: Json | None = None


class Conclude:
    """
    The end of a pass, and what follows it.
    """

    def __init__(self, report: Report, *, clock: Clock) -> None:
        self._report = report
        self._clock = clock

    async def run(self, lane: Lane, declared: Kustomization, result: Result) -> Ended:
        """
        Tell and write how a pass went.
        """
        lane.concluded = True
        await self._changes(lane)
        if result.refused:
            text = messages.refused(result.refused, result.total)
            return await self._failed(lane, result, conditions.FAILED, text)
        if result.prune_failed:
            text = messages.prune_failed(result.prune_failed)
            return await self._failed(lane, result, conditions.PRUNE_FAILED, text)
        keys = _awaited(lane, declared)
        now = self._clock.monotonic()
        if lane.rollout is None or lane.rollout.keys != keys or result.anew:
            lane.rollout = begin(keys, now=now, timeout=declared.spec.timeout_seconds)
        result.anew = result.anew or lane.owing
        return await self._look(lane, declared, result)

    async def follow(self, lane: Lane, declared: Kustomization) -> Ended | None:
        """
        Look at health again; None if nothing about it has to be said.
        """
        if lane.rollout is None or lane.source is None or not lane.concluded:
            return None
        if overtaken(lane.status, lane.source):
            return None  # another process speaks for what it applied since
        result = lane.untold or Result(
            began=lane.rollout.began,
            digest=lane.memory.render.digest if lane.memory.render else "",
            status=dict(lane.status),
        )
        return await self._look(lane, declared, result)

    async def standing(self, lane: Lane) -> None:
        """
        Write what drift stands, if that changed.
        """
        await self._report.write(lane, self._answered(lane, dict(lane.status)))

    async def _look(self, lane: Lane, declared: Kustomization, result: Result) -> Ended:
        if lane.rollout is None:
            raise RuntimeError("health is looked at before a pass")
        before = lane.rollout
        lane.rollout, verdict = look(before, lane.memory.health, now=self._clock.monotonic())
        match verdict:
            case Awaited(until=until):
                return await self._wait(lane, declared, result, until)
            case Unhealthy():
                return await self._unhealthy(lane, result, verdict, told=before.failed)
            case Passed(seconds=seconds):
                return await self._passed(lane, declared, result, seconds)
            case _:
                assert_never(verdict)

    async def _wait(
        self, lane: Lane, declared: Kustomization, result: Result, until: float
    ) -> Ended:
        lane.look_at = until
        if lane.rollout is not None and lane.rollout.passed:
            return Ended(after=After.SUCCESS)  # away for a moment: nothing to say yet
        text = messages.checking_health(
            lane.source.revision if lane.source else "", _timeout(declared)
        )
        status = conditions.checking_health(result.status, self._report.at(lane), text)
        tell_at = lane.rollout.began + UNTOLD if lane.rollout is not None else 0.0
        if result.anew and self._clock.monotonic() < tell_at < until:
            lane.keep_untold(result, status)
            lane.look_at = tell_at
        else:
            await self._write(lane, status)
        return Ended(after=After.SUCCESS)

    async def _unhealthy(
        self, lane: Lane, result: Result, verdict: Unhealthy, *, told: bool
    ) -> Ended:
        lane.look_at = None
        if told and not result.anew:
            return Ended(after=After.FAILURE)
        tail = messages.unhealthy_tail(verdict.healths, early=verdict.early)
        text = messages.unhealthy(verdict.healths, seconds=verdict.seconds, early=verdict.early)
        await self._report.tell(
            lane, severity="error", reason=conditions.HEALTH_FAILED, message=text, what="unhealthy"
        )
        status = conditions.unhealthy(result.status, self._report.at(lane), message=text, tail=tail)
        await self._write(lane, self._recorded(lane, result, status, conditions.HEALTH_FAILED))
        return Ended(after=After.FAILURE)

    async def _passed(
        self, lane: Lane, declared: Kustomization, result: Result, seconds: float
    ) -> Ended:
        lane.look_at = None
        at, source = self._report.at(lane), lane.source
        revision = source.revision if source else ""
        new = conditions.succeeded(
            result.status,
            at,
            revision=revision,
            origin_revision=source.origin_revision if source else "",
        )
        awaited = bool(lane.rollout and lane.rollout.keys)
        new = conditions.healthy(new, at, seconds) if awaited else conditions.without_health(new)
        before = lane.believed.get("status") or {}
        news = _news(before, new) or result.anew
        if news:
            new = self._recorded(lane, result, new, conditions.SUCCEEDED)
        if _was_unhealthy(before) and awaited:
            await self._report.tell(
                lane,
                severity="info",
                reason=conditions.PROGRESSING,
                message=messages.health_passed(seconds),
                what="healthy",
            )
        if news and (result.anew or _became_ready(before)):
            await self._finished(lane, declared, result)
        status = self._answered(lane, new)
        if _status_only(lane, result, status):
            return Ended(after=After.SUCCESS, later=status)
        await self._write(lane, status)
        return Ended(after=After.SUCCESS)

    async def _finished(self, lane: Lane, declared: Kustomization, result: Result) -> None:
        seconds = self._clock.monotonic() - result.began
        await self._report.tell(
            lane,
            severity="info",
            reason=conditions.SUCCEEDED,
            message=messages.finished(seconds, _interval(declared)),
            what="finished",
            metadata={"commit_status": "update"},
        )

    async def _changes(self, lane: Lane) -> None:
        text = messages.changes(lane.acted.items())
        if text:
            await self._report.tell(
                lane, severity="info", reason=conditions.PROGRESSING, message=text
            )
        lane.acted = {}

    async def _failed(self, lane: Lane, result: Result, reason: str, message: str) -> Ended:
        message = self._report.mask(message)
        lane.rollout = None
        await self._report.tell(lane, severity="error", reason=reason, message=message)
        status = conditions.failed(result.status, self._report.at(lane), reason, message)
        await self._write(lane, self._recorded(lane, result, status, reason))
        return Ended(after=After.FAILURE)

    def _recorded(self, lane: Lane, result: Result, status: Json, reason: str) -> Json:
        source = lane.source
        snapshot = Snapshot(
            digest=result.digest,
            result=reason,
            now=rfc3339(self._clock.now()),
            seconds=round(self._clock.monotonic() - result.began, 3),
            metadata={
                "revision": source.revision if source else "",
                "originRevision": source.origin_revision if source else "",
            },
        )
        return {**status, "history": record(status.get("history"), snapshot)}

    async def _write(self, lane: Lane, status: Json) -> None:
        await self._report.save(lane)
        await self._report.write(lane, self._answered(lane, status))
        lane.told()
        lane.owing = False

    def _answered(self, lane: Lane, status: Json) -> Json:
        at = self._report.at(lane)
        standing = [held.standing for held in lane.memory.standing.values()]
        return conditions.handled(drifted(status, at, standing), lane.answering)


def _awaited(lane: Lane, declared: Kustomization) -> frozenset[ObjectKey]:
    if declared.spec.wait:
        own = ObjectKey(
            group="kustomize.toolkit.fluxcd.io",
            kind="Kustomization",
            namespace=lane.namespace,
            name=lane.name,
        )
        return frozenset(
            key
            for key, one in lane.memory.desired.items()
            if not one.options.ignored and key != own
        )
    return health_check_keys(declared)


def health_check_keys(declared: Kustomization) -> frozenset[ObjectKey]:
    """
    Return the objects that ``healthChecks`` names; the reference's defaults hold.
    """
    return frozenset(
        ObjectKey(
            group=group_of(one.api_version or "apps/v1"),
            kind=one.kind,
            namespace=one.namespace or "",
            name=one.name,
        )
        for one in declared.spec.health_checks
    )


def _interval(declared: Kustomization) -> timedelta:
    return timedelta(seconds=declared.spec.interval_seconds)


def _timeout(declared: Kustomization) -> timedelta:
    return timedelta(seconds=declared.spec.timeout_seconds)


def _ready(status: Json) -> str:
    ready = Conditions.from_json(status.get("conditions")).get(conditions.READY)
    return ready.status if ready else ""


def _became_ready(before: Json) -> bool:
    return _ready(before) != "True"


def _was_unhealthy(before: Json) -> bool:
    healthy = Conditions.from_json(before.get("conditions")).get(conditions.HEALTHY)
    return healthy is None or healthy.status != "True"


def _news(before: Json, after: Json) -> bool:
    """
    Say whether a status says anything that the one before did not.
    """
    return conditions.merge_patch(before, after) is not None


def _status_only(lane: Lane, result: Result, status: Json) -> bool:
    """
    Say whether only the revision moved: nobody waits for such a write.
    """
    return (
        not result.anew
        and _ready(lane.status) == "True"
        and status.get("lastHandledReconcileAt") == lane.status.get("lastHandledReconcileAt")
        and status.get("observedGeneration") == lane.status.get("observedGeneration")
    )
