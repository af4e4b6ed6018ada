"""
Heal one object that somebody changed, and say which field, from what to what, by whom.

One read explains the drift, the event goes out, one apply heals. A mode, a pause or a fight may
leave the drift standing; it is told once and shown in the status.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from enum import StrEnum

from services.reconciler.core.diff import differences, rewritten
from services.reconciler.core.drift import DriftKind
from services.reconciler.core.events import (
    correction_failed,
    drift_event,
    drift_occurrence,
    fight_event,
    note,
)
from services.reconciler.core.explain import DriftReport, changed_within_ours, explain
from services.reconciler.core.fights import PEACE, on_due, on_reverted, on_write
from services.reconciler.core.manifest import MANAGER, Desired
from services.reconciler.core.masking import Mask
from services.reconciler.core.options import Ssa, effective, options_of
from services.reconciler.core.paths import Path
from services.reconciler.core.pause import Unreadable, pause_of
from services.reconciler.core.plan import Action
from services.reconciler.core.receipt import Receipt, receipt_from_response, token_of, token_set
from services.reconciler.core.standing import DriftAction, Standing, fight_message
from services.reconciler.lane import Lane
from services.reconciler.memory import Held
from services.reconciler.ports import Cluster, Json, Reporter
from shared.errors import SetpointError
from shared.model import ObjectKey
from shared.runtime import Clock, point
from shared.runtime.clock import rfc3339

_PARALLEL = 8  # reverts of one lane at once
_REMEDIES = {
    DriftAction.BACKOFF: "drop the field from Git, or name it in spec.ignore",
    DriftAction.REPORT: "set driftDetection.mode to enabled to have it healed",
}


class Mode(StrEnum):
    """
    What is done about drift: ``spec.driftDetection.mode``.
    """

    ENABLED = "enabled"
    WARN = "warn"
    DISABLED = "disabled"


ApplyOne = Callable[[Lane, Desired], Awaitable[Action]]


def mode_of(lane: Lane) -> Mode:
    """
    Return the mode of a Kustomization.
    """
    declared = (lane.spec.get("driftDetection") or {}).get("mode")
    return Mode(str(declared).lower()) if declared else Mode.ENABLED


class Revert:
    """
    The step that heals drift.
    """

    def __init__(
        self, cluster: Cluster, reporter: Reporter, apply_one: ApplyOne, *, mask: Mask, clock: Clock
    ) -> None:
        self._cluster = cluster
        self._reporter = reporter
        self._apply_one = apply_one
        self._mask = mask
        self._clock = clock

    async def run(self, lane: Lane, keys: Sequence[ObjectKey], *, interval: timedelta) -> bool:
        """
        Look at each object of ``keys`` and heal it; say whether anything was found.
        """
        limit = asyncio.Semaphore(_PARALLEL)
        found: list[bool] = []

        async def one(key: ObjectKey) -> None:
            async with limit:
                found.append(await self._one(lane, key, interval))

        async with asyncio.TaskGroup() as group:
            for key in keys:
                group.create_task(one(key))
        return any(found)

    async def _one(self, lane: Lane, key: ObjectKey, interval: timedelta) -> bool:
        certain = lane.take(key)
        wanted = lane.memory.desired.get(key)
        if wanted is None or wanted.options.ignored or mode_of(lane) is Mode.DISABLED:
            return False
        try:
            return await self._look(lane, wanted, interval, certain=certain)
        except SetpointError as exc:
            # Nobody knows what it looks like now: the next pass tries again, and says so.
            lane.mark(key, certain=certain)
            lane.memory.refused[key] = exc.message
            return False

    async def _look(
        self, lane: Lane, wanted: Desired, interval: timedelta, *, certain: bool
    ) -> bool:
        live = await self._cluster.get(wanted.key)
        lane.memory.verified[wanted.key] = self._clock.monotonic()
        receipt = lane.memory.receipts.get(wanted.key)
        if live is not None and _opted_out(wanted, live):
            return False
        kind = _kind(live, receipt)
        untouched: frozenset[Path] = frozenset()
        if kind is DriftKind.CHANGED and live is not None:
            if _equal(wanted, live, lane):
                self._settle(lane, wanted, live)
                return False
            if not certain or changed_within_ours(wanted.object, live):
                # The server is the judge: where admission always rewrites a field, an apply
                # changes nothing, and nobody has to hear of it.
                answer = await self._cluster.apply(wanted.object, dry_run=True)
                untouched = rewritten(wanted.object, live, answer)
                if not certain and _nothing_else(wanted, live, answer, untouched):
                    self._settle(lane, wanted, live)
                    return False
        report = explain(
            wanted.object, live, receipt, kind=kind, mask=self._mask, rewritten=untouched
        )
        if kind is DriftKind.CHANGED and not report.fields and live is not None:
            # Only the record of our ownership is damaged: the apply mends it, and who did it
            # changed nothing that anybody would have to know.
            await self._apply_one(lane, wanted)
            return False
        await self._act(lane, wanted, live, report, interval)
        return True

    def _settle(self, lane: Lane, wanted: Desired, live: Json) -> None:
        lane.memory.standing.pop(wanted.key, None)
        lane.memory.receipts[wanted.key] = receipt_from_response(wanted.digest, live)
        lane.memory.versions[wanted.key] = live["metadata"]["resourceVersion"]

    async def _act(
        self,
        lane: Lane,
        wanted: Desired,
        live: Json | None,
        report: DriftReport,
        interval: timedelta,
    ) -> None:
        now = self._clock.now()
        version = live["metadata"]["resourceVersion"] if live else ""
        token = _state(live)
        if self._paused(lane, wanted, live):
            await self._stand(lane, report, DriftAction.PAUSED, token)
            return
        if mode_of(lane) is Mode.WARN:
            await self._stand(lane, report, DriftAction.REPORT, token)
            return
        state = lane.memory.fights.get(wanted.key, PEACE)
        held = lane.memory.standing.get(wanted.key)
        if held is not None and held.token == token:
            decision = on_due(state, now=now, interval=interval)
        else:
            decision = on_write(state, report.manager, now=now, interval=interval)
        lane.memory.fights[wanted.key] = decision.state
        if decision.began:
            text = fight_message(report, MANAGER, report.manager, str(lane.spec.get("interval")))
            await self._reporter.tell(
                fight_event(lane.declared, report, text, now=now),
                occurrence=drift_occurrence(report, version, None),
            )
        if decision.revert:
            await self._heal(lane, wanted, report, version)
        else:
            self._hold(lane, report, DriftAction.BACKOFF, token)

    async def _heal(self, lane: Lane, wanted: Desired, report: DriftReport, version: str) -> None:
        now = self._clock.now()
        occurrence = drift_occurrence(report, version, lane.memory.receipts.get(wanted.key))
        await self._reporter.tell(
            drift_event(lane.declared, report, DriftAction.REVERT, now=now), occurrence=occurrence
        )
        point("reconciler.drift-told")
        try:
            await self._apply_one(lane, wanted)
        except SetpointError as exc:
            message = self._mask(exc.message)
            lane.memory.refused[wanted.key] = message
            await self._reporter.tell(
                correction_failed(lane.declared, report, message, now=now),
                occurrence=occurrence,
            )
            return
        point("reconciler.drift-healed")
        state = lane.memory.fights.get(wanted.key, PEACE)
        lane.memory.fights[wanted.key] = on_reverted(state, report.manager, now=now)
        self._reporter.note(note(lane.declared, "DriftCorrected", f"{report}; healed", now=now))

    async def _stand(
        self, lane: Lane, report: DriftReport, action: DriftAction, token: str
    ) -> None:
        """
        Tell once about drift that stays: once per object and state of it.
        """
        held = lane.memory.standing.get(report.key)
        if held is not None and (held.token, held.standing.action) == (token, action):
            return
        await self._reporter.tell(
            drift_event(lane.declared, report, action, now=self._clock.now()),
            occurrence=f"{report.key.inventory_id}@{token}",
        )
        self._hold(lane, report, action, token)

    def _hold(self, lane: Lane, report: DriftReport, action: DriftAction, token: str) -> None:
        held = lane.memory.standing.get(report.key)
        since = held.standing.since if held else rfc3339(self._clock.now())
        remedy = _REMEDIES.get(action, "")
        standing = Standing(report=report, action=action, since=since, remedy=remedy)
        lane.memory.standing[report.key] = Held(standing=standing, token=token)

    def _paused(self, lane: Lane, wanted: Desired, live: Json | None) -> bool:
        if live is None:
            return False
        now = self._clock.now()
        pause = pause_of(live["metadata"].get("annotations"), now)
        if isinstance(pause, Unreadable):
            self._reporter.note(
                note(lane.declared, "PauseIgnored", f"{wanted.key}: {pause.message}", now=now)
            )
            return False
        return pause is not None


def _opted_out(wanted: Desired, live: Json) -> bool:
    options = effective(wanted.options, options_of(live))
    return options.ignored or options.ssa is Ssa.IF_NOT_PRESENT


def _kind(live: Json | None, receipt: Receipt | None) -> DriftKind:
    if live is None:
        return DriftKind.GONE
    if receipt is not None and live["metadata"]["uid"] != receipt.uid:
        return DriftKind.REPLACED
    return DriftKind.CHANGED


def _equal(wanted: Desired, live: Json, lane: Lane) -> bool:
    """
    Say whether values and ownership are as we left them.
    """
    if differences(wanted.object, live):
        return False
    receipt = lane.memory.receipts.get(wanted.key)
    return (
        receipt is not None
        and token_set(token_of(live)) == token_set(receipt.token)
        and lane.owner.owns(live["metadata"].get("labels"))
    )


def _nothing_else(wanted: Desired, live: Json, answer: Json, untouched: frozenset[Path]) -> bool:
    """
    Say whether an apply, of which this is the answer, would change nothing of ours.
    """
    return token_set(token_of(answer)) == token_set(token_of(live)) and all(
        one.path in untouched for one in differences(wanted.object, live)
    )


def _state(live: Json | None) -> str:
    """
    Return what tells one state of drift from the next; writes to the status make no other one.
    """
    if live is None:
        return "gone"
    meta = live["metadata"]
    return f"{meta['uid']}/{token_of(live)}/{meta.get('generation') or meta['resourceVersion']}"
