"""
The work of one lane: sleep until something concerns it, do it in a slot, sleep again.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta

import structlog

from services.reconciler.conclude import Conclude, Ended, health_check_keys
from services.reconciler.core.drift import Mode, mode_of
from services.reconciler.core.receipt import decode
from services.reconciler.core.schedule import next_pass, verification_period
from services.reconciler.core.standing import fights_of
from services.reconciler.declaration import Json
from services.reconciler.fallback import Fallback
from services.reconciler.halt import Halt
from services.reconciler.lane import Lane
from services.reconciler.lanes import Lanes
from services.reconciler.observe import Observer
from services.reconciler.ports import Receipts
from services.reconciler.reconcile import Reconcile
from services.reconciler.report import Report
from services.reconciler.revert import Revert
from services.reconciler.slots import Slots, Urgency
from services.reconciler.unhurried import Unhurried
from shared.api import Kustomization
from shared.errors import SetpointError, StalledError, TransientError
from shared.runtime import Clock
from shared.runtime.metrics import Metrics

log = structlog.get_logger()

# Objects that a turn heals: a slot is free for somebody else's change soon, however much drifts.
HEALED = 8
_FIRST_SNAPSHOT = 10.0  # seconds to wait for the watches of a lane's kinds at start
_UNREADABLE = timedelta(minutes=10)  # in place of an interval that cannot be read
_UNEXPECTED_RETRY = 10.0  # seconds until a lane is tried again that failed by our own fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """
    What a lane works with.
    """

    observer: Observer
    receipts: Receipts
    reconcile: Reconcile
    fallback: Fallback
    revert: Revert
    conclude: Conclude
    halt: Halt
    report: Report


class Work:
    """
    The task of every lane.
    """

    def __init__(
        self,
        tools: Tools,
        lanes: Lanes,
        slots: Slots,
        *,
        jitter: float,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._tools = tools
        self._lanes = lanes
        self._slots = slots
        self.clock = clock
        self._metrics = metrics
        self._jitter = jitter
        self._unhurried = Unhurried(tools.report, slots, clock=clock)

    def forget(self, lane: Lane) -> None:
        """
        Drop the metrics of a lane that is gone.
        """
        self._metrics.forget(kind="Kustomization", namespace=lane.namespace, name=lane.name)

    async def run(self, lane: Lane) -> None:
        """
        Serve ``lane`` until it is removed.
        """
        logger = log.bind(controllerKind="Kustomization", namespace=lane.namespace, name=lane.name)
        await self._begin(lane)
        while not lane.removed:
            await self._sleep(lane)
            try:
                if lane.pressing >= Urgency.ROUTINE:
                    await self._slots.calm(unless=lane.wake)
                async with self._slots.take(lane.pressing):
                    self._slots.awaits(lane, yes=False)
                    ended = await self._turn(lane)
                    self._slots.awaits(lane, yes=lane.about_to_tell and not lane.removed)
                if ended is not None and ended.later is not None and not lane.removed:
                    await self._tell_later(lane, ended.later)
            except SetpointError as exc:
                logger.info("pass not finished", error=exc.message, reason=exc.reason)
                self._again(lane)
            except Exception as exc:
                # One lane's fault must not stop the others: it is said, and tried again.
                logger.exception("pass failed unexpectedly")
                await self._say(lane, exc)
                self._again(lane)

    async def _tell_later(self, lane: Lane, status: Json) -> None:
        lane.pending = status
        self._wake_dependents(lane)  # who depends on it reads the memory, and need not wait
        if not await self._unhurried.write(lane, status):
            lane.request(Urgency.ROUTINE)  # a pass says all of it

    async def _say(self, lane: Lane, failure: Exception) -> None:
        """
        Say in the status that we failed; what the failure says itself may hold anything.
        """
        error = TransientError(
            f"the reconciler failed unexpectedly ({type(failure).__name__}); its log has the "
            f"trace, which is worth a report. It is tried again in {_UNEXPECTED_RETRY:g} s"
        )
        try:
            await self._tools.halt.broken(lane, error)
        except Exception:
            log.exception("failure not told", namespace=lane.namespace, name=lane.name)

    def _again(self, lane: Lane) -> None:
        later = self.clock.monotonic() + _UNEXPECTED_RETRY
        lane.due = later if lane.due is None else min(lane.due, later)

    async def _begin(self, lane: Lane) -> None:
        lane.remember(decode(await self._tools.receipts.load(lane.namespace, lane.name)))
        lane.memory.fights = fights_of(lane.status, now=self.clock.now())
        # What is recorded as ours is compared with what is there before the first pass.
        kinds = {(key.group, key.kind) for key in lane.inventory}
        try:
            async with asyncio.timeout(_FIRST_SNAPSHOT):
                await self._tools.observer.first(kinds)
        except TimeoutError:
            log.info("watches are late", namespace=lane.namespace, name=lane.name)

    async def _sleep(self, lane: Lane) -> None:
        delay = lane.next_time() - self.clock.monotonic()
        try:
            async with asyncio.timeout(max(delay, 0.0) if delay != float("inf") else None):
                await lane.wake.wait()
        except TimeoutError:
            pass
        lane.wake.clear()

    async def _turn(self, lane: Lane) -> Ended | None:
        if lane.removed:
            return None
        now = self.clock.monotonic()
        if lane.due is not None and lane.due <= now:
            return await self._pass(lane)
        if lane.resting:
            return None
        lane.marks.look_again()
        if lane.marks.drifted and not lane.outdated:
            await self._heal(lane)
        if lane.health_moved.is_set() or (lane.look_at is not None and lane.look_at <= now):
            lane.health_moved.clear()
            lane.look_at = None
            declared = _readable(lane)
            if declared is None:
                return None
            ended = await self._tools.conclude.follow(lane, declared)
            if ended is not None:
                self._wake_dependents(lane)
            return ended
        return None

    async def _pass(self, lane: Lane) -> Ended:
        began = self.clock.monotonic()
        # Whatever comes while the pass runs asks for another one.
        lane.due, lane.urgency, lane.expected = None, Urgency.ROUTINE, False
        lane.answering = lane.requested_at
        lane.health_moved.clear()
        if lane.settled and not lane.suspended:
            lane.marks.look_at_standing()
        lane.working = True
        try:
            ended = await self._tools.reconcile.run(lane)
            if not lane.settled and ended.delay is None:
                await self._tools.fallback.run(lane)
        finally:
            lane.working = False
        lane.marks.plan_checks(verification_period(_interval(lane)).total_seconds(), random.random)
        seconds = self.clock.monotonic() - began
        self._metrics.reconcile_duration.labels("Kustomization", lane.name, lane.namespace).observe(
            seconds
        )
        self._schedule(lane, ended)
        if ended.later is None:
            self._wake_dependents(lane)
        self._follow_others(lane)
        return ended

    def _schedule(self, lane: Lane, ended: Ended) -> None:
        if ended.delay is not None:
            delay: float | None = ended.delay
        else:
            declared = _readable(lane)
            chosen = next_pass(
                ended.after,
                interval=_interval(lane),
                retry_interval=timedelta(seconds=declared.spec.retry_seconds) if declared else None,
                random=random.random(),  # noqa: S311 - spreads passes, keeps no secret
                jitter=self._jitter,
            )
            delay = chosen.total_seconds() if chosen is not None else None
        if lane.due is None and delay is not None:
            lane.due = self.clock.monotonic() + delay

    def _wake_dependents(self, lane: Lane) -> None:
        for other in self._lanes.dependents(lane):
            if other.waiting or other.waits:
                other.request(Urgency.CHANGED)

    def _follow_others(self, lane: Lane) -> None:
        """
        Follow objects of others that this lane's health checks name.
        """
        declared = _readable(lane)
        if lane.removed or lane.deleting or declared is None:
            return
        keys = frozenset() if declared.spec.wait else health_check_keys(declared)
        self._tools.observer.follow(lane, frozenset(k for k in keys if k not in lane.inventory))

    async def _heal(self, lane: Lane) -> None:
        ours = lane.memory.desired.keys() - lane.memory.foreign
        keys = [key for key in lane.marks.drifted if key in ours]
        if lane.memory.render is not None:  # else what is desired may not be all: a pass decides
            for key in [key for key in lane.marks.drifted if key not in ours]:
                lane.marks.take(key)
                lane.memory.receipts.pop(key, None)  # it may be declared again as it was
        if mode_of(lane.spec) is Mode.DISABLED:
            lane.marks.leave()
            return
        if not keys:
            return
        refused = set(lane.memory.refused)
        # What was refused comes last, and wakes nobody: it is tried again in its time.
        keys.sort(key=lambda key: key in refused)
        keys, left = keys[:HEALED], keys[HEALED:]
        if await self._tools.revert.run(lane, keys, interval=_interval(lane)):
            await self._tools.report.save(lane)
            await self._tools.conclude.standing(lane)
        if not refused.issuperset(left):
            lane.wake.set()
        if lane.memory.refused.keys() - refused:
            lane.request(Urgency.CHANGED)  # it says that the object is not as declared


def _readable(lane: Lane) -> Kustomization | None:
    """
    Return what is declared; None if it cannot be read, which a pass says in the status.
    """
    try:
        return lane.read()
    except StalledError:
        return None


def _interval(lane: Lane) -> timedelta:
    declared = _readable(lane)
    return timedelta(seconds=declared.spec.interval_seconds) if declared else _UNREADABLE
