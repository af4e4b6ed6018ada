"""
Heal one object that somebody changed, and say which field, from what to what, by whom.

One read explains the drift, the event goes out, one apply heals. A mode, a pause or a fight may
leave the drift standing; it is told once and shown in the status.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from services.reconciler.core.diff import differences, rewritten
from services.reconciler.core.drift import DriftKind, Mode, mode_of
from services.reconciler.core.events import (
    HEALING,
    REPORTED,
    correction_failed,
    drift_event,
    drift_occurrence,
    fight_event,
    note,
)
from services.reconciler.core.explain import DriftReport, changed_within_ours, explain
from services.reconciler.core.fights import PEACE, ends, on_due, on_reverted, on_write, settle
from services.reconciler.core.manifest import MANAGER, Desired
from services.reconciler.core.masking import Mask
from services.reconciler.core.options import Ssa, effective, options_of
from services.reconciler.core.paths import Path
from services.reconciler.core.pause import Pause, Unreadable, pause_of
from services.reconciler.core.plan import Action
from services.reconciler.core.receipt import Receipt, receipt_from_response, token_of, token_set
from services.reconciler.core.standing import DriftAction, Standing, fight_message
from services.reconciler.lane import Lane
from services.reconciler.memory import Held
from services.reconciler.ports import Cluster, Json, Reporter
from services.reconciler.slots import side_by_side
from shared.errors import NOT_LEADER, SetpointError
from shared.model import ObjectKey
from shared.runtime import Clock, point
from shared.runtime.clock import rfc3339

ApplyOne = Callable[[Lane, Desired], Awaitable[Action]]


class Revert:
    """
    The step that heals drift.
    """

    def __init__(
        self,
        cluster: Cluster,
        reporter: Reporter,
        apply_one: ApplyOne,
        *,
        parallel: int,
        mask: Mask,
        clock: Clock,
    ) -> None:
        self._cluster = cluster
        self._reporter = reporter
        self._apply_one = apply_one
        # Of all lanes: in a storm a change's requests would else wait behind those of each.
        self._parallel = asyncio.Semaphore(parallel)
        self._mask = mask
        self._clock = clock

    async def run(self, lane: Lane, keys: Sequence[ObjectKey], *, interval: timedelta) -> bool:
        """
        Look at each object of ``keys`` and heal it; say whether anything was found.
        """
        found: list[bool] = []
        fenced: list[SetpointError] = []

        async def one(key: ObjectKey) -> None:
            try:
                async with self._parallel:
                    found.append(await self._one(lane, key, interval))
            except SetpointError as exc:
                fenced.append(exc)

        await side_by_side(one, keys)
        if fenced:
            raise fenced[0]
        return any(found)

    async def _one(self, lane: Lane, key: ObjectKey, interval: timedelta) -> bool:
        certain = lane.marks.take(key)
        wanted = lane.memory.desired.get(key)
        if wanted is None or wanted.options.ignored or mode_of(lane.spec) is Mode.DISABLED:
            return False
        try:
            return await self._look(lane, wanted, interval, certain=certain)
        except SetpointError as exc:
            # Nobody knows what it looks like now: the next pass tries again, and says so.
            lane.marks.put_back(key, certain=certain)
            if exc.reason == NOT_LEADER:
                raise
            lane.memory.refused[key] = exc.message
            return False

    async def _look(
        self, lane: Lane, wanted: Desired, interval: timedelta, *, certain: bool
    ) -> bool:
        live = await self._cluster.get(wanted.key)
        lane.memory.verified[wanted.key] = self._clock.monotonic()
        receipt = lane.memory.receipts.get(wanted.key)
        if live is None and receipt is None:
            return False  # it never was there, and the pass that sends it again says why
        if live is not None and _opted_out(wanted, live):
            return False
        kind = _kind(live, receipt)
        untouched: frozenset[Path] = frozenset()
        if kind is DriftKind.CHANGED and live is not None:
            if equal(wanted, live, lane):
                return self._settle(lane, wanted, live, interval)
            if not certain or changed_within_ours(wanted.object, live):
                # The server is the judge: where admission always rewrites a field, an apply
                # changes nothing, and nobody has to hear of it.
                answer = await self._cluster.apply(wanted.object, dry_run=True)
                untouched = rewritten(wanted.object, live, answer)
                if not certain and _nothing_else(wanted, live, answer, untouched):
                    return self._settle(lane, wanted, live, interval)
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

    def _settle(self, lane: Lane, wanted: Desired, live: Json, interval: timedelta) -> bool:
        """
        Take an object as it is; say whether drift that stood has ended.
        """
        key = wanted.key
        lane.memory.receipts[key] = receipt_from_response(wanted.digest, live)
        lane.memory.versions[key] = live["metadata"]["resourceVersion"]
        state = settle(lane.memory.fights.get(key, PEACE), now=self._clock.now(), interval=interval)
        lane.memory.fights[key] = state
        end = ends(state, interval=interval)
        if end is not None:
            lane.marks.look_at(key, end, held=False)
            return False
        return lane.memory.standing.pop(key, None) is not None

    async def _act(
        self,
        lane: Lane,
        wanted: Desired,
        live: Json | None,
        report: DriftReport,
        interval: timedelta,
    ) -> None:
        now = self._clock.now()
        if pause := self._pause(lane, wanted, live):
            lane.marks.look_at(wanted.key, pause.until, held=False)
            await self._stand(lane, report, DriftAction.PAUSED, self._mask(str(pause)))
            return
        if mode_of(lane.spec) is Mode.WARN:
            await self._stand(lane, report, DriftAction.REPORT, REPORTED)
            return
        token = _state(live)
        state = lane.memory.fights.get(wanted.key, PEACE)
        held = lane.memory.standing.get(wanted.key)
        if held is not None and held.token == token:
            decision = on_due(state, now=now, interval=interval)
        else:
            gone = report.kind is not DriftKind.CHANGED
            decision = on_write(state, report.manager, now=now, interval=interval, gone=gone)
        lane.memory.fights[wanted.key] = decision.state
        text = fight_message(report, MANAGER, str(lane.spec.get("interval")))
        if decision.began:
            await self._reporter.tell(
                fight_event(lane.declared, report, text, now=now),
                occurrence=drift_occurrence(report, _version(live), None),
            )
        if decision.until is not None:
            lane.marks.look_at(wanted.key, decision.until, held=True)
            self._hold(lane, report, DriftAction.BACKOFF, token, text)
        elif await self._heal(lane, wanted, report, _version(live)) and decision.state.on:
            # It stands for as long as the fight goes on, whoever wrote last.
            lane.marks.look_at(wanted.key, now + interval, held=True)
            self._hold(lane, report, DriftAction.BACKOFF, "", text)

    async def _heal(self, lane: Lane, wanted: Desired, report: DriftReport, version: str) -> bool:
        now = self._clock.now()
        state = lane.memory.fights.get(wanted.key, PEACE)
        occurrence = drift_occurrence(report, version, lane.memory.receipts.get(wanted.key))
        if not state.on:  # a fight was told when it began
            await self._reporter.tell(
                drift_event(lane.declared, report, DriftAction.REVERT, HEALING, now=now),
                occurrence=occurrence,
            )
        point("reconciler.drift-told")
        try:
            await self._apply_one(lane, wanted)
        except SetpointError as exc:
            if exc.reason == NOT_LEADER:
                raise  # nobody refused it: who holds the Lease heals it
            message = self._mask(exc.message)
            lane.memory.refused[wanted.key] = message
            await self._reporter.tell(
                correction_failed(lane.declared, report, message, now=now),
                occurrence=occurrence,
            )
            return False
        point("reconciler.drift-healed")
        lane.memory.fights[wanted.key] = on_reverted(state, report.manager, now=now)
        self._reporter.note(note(lane.declared, "DriftCorrected", f"{report}; healed", now=now))
        return True

    async def _stand(self, lane: Lane, report: DriftReport, action: DriftAction, why: str) -> None:
        """
        Tell about drift that stays: once per object, fields and writer.
        """
        held = lane.memory.standing.get(report.key)
        token = f"{report.kind}/{report.manager}/{[one.path for one in report.fields]}"
        if held is None or (held.token, held.standing.action) != (token, action):
            now = self._clock.now()
            await self._reporter.tell(
                drift_event(lane.declared, report, action, why, now=now),
                occurrence=f"{report.key.inventory_id}@{token}@{rfc3339(now)}",
            )
        self._hold(lane, report, action, token, f"{report}; {why}")

    def _hold(
        self, lane: Lane, report: DriftReport, action: DriftAction, token: str, text: str
    ) -> None:
        held = lane.memory.standing.get(report.key)
        began = lane.memory.fights.get(report.key, PEACE).since or self._clock.now()
        since = held.standing.since if held else rfc3339(began)
        standing = Standing(report=report, action=action, since=since, text=text)
        lane.memory.standing[report.key] = Held(standing=standing, token=token)

    def _pause(self, lane: Lane, wanted: Desired, live: Json | None) -> Pause | None:
        if live is None:
            return None
        now = self._clock.now()
        pause = pause_of(live["metadata"].get("annotations"), now)
        if isinstance(pause, Unreadable):
            self._reporter.note(
                note(lane.declared, "PauseIgnored", f"{wanted.key}: {pause.message}", now=now)
            )
            return None
        return pause


def _opted_out(wanted: Desired, live: Json) -> bool:
    options = effective(wanted.options, options_of(live))
    return options.ignored or options.ssa is Ssa.IF_NOT_PRESENT


def _kind(live: Json | None, receipt: Receipt | None) -> DriftKind:
    if live is None:
        return DriftKind.GONE
    if receipt is not None and live["metadata"]["uid"] != receipt.uid:
        return DriftKind.REPLACED
    return DriftKind.CHANGED


def equal(wanted: Desired, live: Json, lane: Lane) -> bool:
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


def _version(live: Json | None) -> str:
    return str(live["metadata"]["resourceVersion"]) if live else ""


def _state(live: Json | None) -> str:
    """
    Return what tells one state of drift from the next; writes to the status make no other one.
    """
    if live is None:
        return "gone"
    meta = live["metadata"]
    return f"{meta['uid']}/{token_of(live)}/{meta.get('generation') or meta['resourceVersion']}"
