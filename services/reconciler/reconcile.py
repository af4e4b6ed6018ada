"""
One pass of one Kustomization, top to bottom: gather, decide, act, say how it went.

Read this first. A pass may end at any line and begin again: the inventory is written before the
first apply and trimmed after the last deletion, events go out before the status that records what
they tell, and an apply of equal content changes nothing.
"""

import contextlib
from dataclasses import dataclass, replace
from datetime import timedelta

from services.reconciler.apply import Apply
from services.reconciler.conclude import Conclude, Ended
from services.reconciler.core import conditions, messages, obstacles
from services.reconciler.core.dependencies import SourceState
from services.reconciler.core.drift import Mode, mode_of
from services.reconciler.core.inventory import Inventory
from services.reconciler.core.manifest import Refusal
from services.reconciler.core.obstacles import Obstacle
from services.reconciler.core.plan import Action, Plan, make_plan, with_refused
from services.reconciler.core.schedule import After
from services.reconciler.core.sources import Source
from services.reconciler.declaration import Json
from services.reconciler.fallback import Fallback
from services.reconciler.finalize import Finalize
from services.reconciler.gather import ALLOW_EMPTY, Gather
from services.reconciler.halt import Halt
from services.reconciler.lane import Lane
from services.reconciler.lanes import Lanes
from services.reconciler.prune import Prune
from services.reconciler.recall import Recall
from services.reconciler.render import Render, remember
from services.reconciler.report import OvertakenError, Report
from services.reconciler.result import Result
from services.reconciler.revert import Revert
from services.reconciler.slots import Urgency
from shared.api import Kustomization
from shared.errors import SetpointError, StalledError
from shared.model import ObjectKey
from shared.runtime import Clock, point

_FINALIZE_RETRY = 2.0  # seconds until a deletion that is under way is looked at again
SOON = 5.0  # seconds that a dependency which works just now may take before people hear of it
UNDECIDED = 1.0  # seconds until it is looked again whose an object is, if nobody says so before
LONG_PASS = 200  # applies; more take over a second, and people should see that work is under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """
    The steps of a pass, in their order.
    """

    render: Render
    gather: Gather
    recall: Recall
    fallback: Fallback
    revert: Revert
    apply: Apply
    prune: Prune
    conclude: Conclude
    halt: Halt
    report: Report
    finalize: Finalize


class Reconcile:
    """
    The pass.
    """

    def __init__(
        self,
        steps: Steps,
        lanes: Lanes,
        *,
        no_cross_namespace_refs: bool,
        clock: Clock,
    ) -> None:
        self._steps = steps
        self._lanes = lanes
        self._no_cross = no_cross_namespace_refs
        self._clock = clock

    async def run(self, lane: Lane) -> Ended:
        """
        Make one pass; every failure ends as a status and the time of the next try.
        """
        began = self._clock.monotonic()
        lane.begin_pass()
        try:
            if lane.deleting:
                return await self._end(lane)
            declared = lane.read()
            if lane.begun and not lane.held:
                await self._steps.finalize.hold(lane)  # somebody took our finalizer off
            if lane.suspended:
                return await self._steps.halt.suspended(lane)
            return await self._begun(lane, declared, began)
        except OvertakenError:
            return Ended(after=After.FAILURE, delay=0.0)
        except SetpointError as exc:
            return await self._steps.halt.broken(lane, exc)

    async def _begun(self, lane: Lane, declared: Kustomization, began: float) -> Ended:
        obstacle = self._obstacle(declared)
        lane.waiting = obstacle is not None and obstacle.dependency is not None
        soon = obstacle is not None and self._comes_soon(obstacle)
        if lane.waiting:
            await self._claim(lane, declared)
        if soon:
            return Ended(after=After.DEPENDENCY, delay=SOON)
        if obstacle is not None:
            return await self._steps.halt.stopped(lane, obstacle)
        return await self._pass(lane, declared, began)

    async def _claim(self, lane: Lane, declared: Kustomization) -> None:
        """
        Tell what is declared before its turn comes, so that nobody deletes what moves here.
        """
        source = self._lanes.source_of(declared)
        if source is None or not source.digest:
            return
        with contextlib.suppress(SetpointError):  # it is said when the turn comes
            rendering = await self._steps.render.run(lane, declared, source)
            self._steps.gather.claim(lane, rendering, source)

    async def _pass(self, lane: Lane, declared: Kustomization, began: float) -> Ended:
        source = self._lanes.source_of(declared)
        if source is None or obstacles.overtaken(lane.status, source):
            return Ended(after=After.SUCCESS)  # a newer word about the source is on its way
        lane.source, lane.concluded = source, False
        rendering = await self._steps.render.run(lane, declared, source)
        self._steps.gather.claim(lane, rendering, source)
        whose = self._steps.gather.whose(lane)
        if whose.undecided:
            return Ended(after=After.DEPENDENCY, delay=UNDECIDED)
        await self._steps.recall.run(lane, rendering, whose.recorded.keys)
        plan = make_plan(self._steps.gather.facts(lane, declared, rendering, whose))
        if plan.empties:
            return await self._steps.halt.broken(lane, _empty(declared))
        await self._record(lane, plan, source)
        anew = rendering is not None and remember(lane, rendering)
        lane.owing = lane.owing or anew
        lane.memory.foreign, lane.remembered = set(whose.kept), source
        applied = await self._act(lane, declared, plan, anew=anew)
        if applied is None:
            return Ended(after=After.FAILURE, delay=0.0)
        attempted = self._attempted(source, applied.status)
        result = replace(applied, began=began, status=attempted)
        lane.settled = True
        return await self._steps.conclude.run(lane, declared, result)

    async def _act(
        self, lane: Lane, declared: Kustomization, plan: Plan, *, anew: bool
    ) -> Result | None:
        """
        Heal, apply and prune; None if something newer came in between.
        """
        healed = await self._heal(lane, declared, plan, anew=anew)
        wanted = [
            step.desired
            for step in plan.applies
            if step.desired is not None and step.key not in healed
        ]
        strangers = await self._steps.gather.strangers(lane, wanted)
        lane.memory.refused |= strangers
        lane.memory.foreign |= strangers.keys()
        wanted = [one for one in wanted if one.key not in strangers]
        generation = lane.generation

        def outdated() -> bool:
            return self._outdated(lane, declared, generation)

        await self._steps.report.take_back(lane)
        done = await self._steps.apply.run(lane, wanted, lane.memory.desired, outdated=outdated)
        lane.acted |= {key: action for key, action in done.actions.items() if action.changes}
        self._lanes.took(lane, done.actions.keys() & lane.memory.receipts.keys())
        if done.cut or (plan.prunes and outdated()):
            return None
        if done.fenced is not None:
            raise done.fenced
        lane.memory.refused |= {key: one.message for key, one in done.refused.items()}
        refused = [Refusal(key=key, message=why) for key, why in lane.memory.refused.items()]
        plan = with_refused(plan, refused)
        inventory, failures = await self._prune(lane, plan)
        lane.inventory = inventory
        self._lanes.recorded(lane)
        skipped = any(action is Action.SKIPPED for action in done.actions.values())
        return Result(
            began=0.0,
            digest=lane.memory.render.digest if lane.memory.render else "",
            status=conditions.with_inventory(lane.status, inventory),
            refused=plan.refused,
            prune_failed=failures,
            total=len(lane.memory.desired.keys() | {one.key for one in plan.refused}),
            anew=anew or skipped or bool(lane.acted),
        )

    async def _heal(
        self, lane: Lane, declared: Kustomization, plan: Plan, *, anew: bool
    ) -> frozenset[ObjectKey]:
        """
        Look at what has drifted before it is applied; return what needs no apply any more.
        """
        mode = mode_of(lane.spec)
        marked = {} if mode is Mode.DISABLED else lane.marks.drifted
        keys = (step.key for step in plan.applies)
        drifted = [key for key in keys if key in marked and lane.memory.applied(key)]
        lane.memory.refused = {}
        if drifted:
            interval = timedelta(seconds=declared.spec.interval_seconds)
            await self._steps.revert.run(lane, drifted, interval=interval)
        # A new revision or spec is applied also where a mode or a pause leaves drift standing.
        return frozenset(drifted) if mode is Mode.ENABLED or not anew else frozenset()

    async def _prune(self, lane: Lane, plan: Plan) -> tuple[Inventory, list[Refusal]]:
        """
        Delete what is not declared any more; return what is recorded then, and what stays.
        """
        if not plan.prunes or not plan.may_prune:
            return plan.inventory, []
        pruned = await self._steps.prune.run(lane, [step.key for step in plan.prunes])
        point("reconciler.all-pruned")
        ended = (*pruned.deleted, *pruned.gone)
        lane.acted |= dict.fromkeys(pruned.deleted, Action.DELETED)
        for key in ended:
            lane.marks.take(key)
            lane.memory.forget(key)
        failures = [Refusal(key=key, message=why) for key, why in pruned.failed.items()]
        return plan.inventory.trim(ended), failures

    async def _record(self, lane: Lane, plan: Plan, source: Source) -> None:
        """
        Write ahead what will exist because of us, and that a revision is worked on which deletes.
        """
        self._steps.report.check(lane)
        lane.inventory = plan.inventory
        self._lanes.recorded(lane)
        short = len(plan.applies) < LONG_PASS
        if not lane.held:
            ahead = self._attempted(source, conditions.with_inventory({}, plan.inventory))
            await self._steps.finalize.hold(lane, ahead=ahead if short else None)
        prunes = plan.prunes and plan.may_prune and str(lane.rendered) != source.digest
        if lane.recorded.covers(plan.inventory) and not prunes and short:
            return
        at = self._steps.report.at(lane)
        status = conditions.progressing(lane.status, at, messages.PROGRESSING)
        status = conditions.with_inventory(status, plan.inventory)
        await self._steps.report.write(lane, self._attempted(source, status))
        point("reconciler.inventory-written")

    def _attempted(self, source: Source, status: Json) -> Json:
        state = SourceState(uid=source.uid, sequence=source.sequence, digest=source.digest)
        status = conditions.attempted(status, source.revision, state)
        return conditions.rendered(status, source.digest)

    def _outdated(self, lane: Lane, declared: Kustomization, generation: int) -> bool:
        source = self._lanes.source_of(declared)
        if lane.generation != generation or source is None or lane.source is None:
            return lane.generation != generation
        return source.digest != lane.source.digest

    def _obstacle(self, declared: Kustomization) -> Obstacle | None:
        found = obstacles.declaration(declared, no_cross_namespace_refs=self._no_cross)
        if found is not None:
            return found
        source = self._lanes.source_of(declared)
        found = obstacles.source(declared, source)
        if found is not None or source is None:
            return found
        return obstacles.dependencies(declared, source, self._lanes.kustomization)

    def _comes_soon(self, obstacle: Obstacle) -> bool:
        """
        Say whether it is a dependency that works just now: nobody has to hear of that.
        """
        key = obstacle.dependency
        other = self._lanes.get(key.namespace, key.name) if key else None
        if other is not None and other.expected:
            other.request(Urgency.CHANGED)  # somebody waits for it now
        return other is not None and other.about_to_work

    async def _end(self, lane: Lane) -> Ended:
        status = await self._steps.finalize.run(lane)
        if status is None:
            await self._steps.report.forget(lane)
            return Ended(after=After.SUSPENDED)
        await self._steps.report.write(lane, status)
        return Ended(after=After.FAILURE, delay=_FINALIZE_RETRY)


def _empty(declared: Kustomization) -> StalledError:
    return StalledError(
        f"path {declared.spec.path or './'} rendered no objects and had some before; nothing was "
        f"pruned. If that is meant, annotate the Kustomization with {ALLOW_EMPTY}: enabled",
        reason=conditions.EMPTY,
    )
