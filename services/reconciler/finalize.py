"""
The finalizer: hold a Kustomization before it has objects, and let it go when it is deleted.

Before it goes, its objects are deleted or left.
"""

from collections.abc import Awaitable, Callable, Iterable

from services.reconciler.core import conditions
from services.reconciler.core.conditions import At
from services.reconciler.core.deletion import about_end, deletes
from services.reconciler.core.first_pass import AHEAD, to_annotation
from services.reconciler.core.inventory import Inventory
from services.reconciler.core.manifest import Refusal
from services.reconciler.core.messages import left_behind, prune_failed
from services.reconciler.core.refusals import barred_deletion
from services.reconciler.lane import Lane
from services.reconciler.ports import Cluster, Declarations, Json
from services.reconciler.report import Report
from shared.api import Kustomization
from shared.errors import SetpointError, StalledError, TransientError
from shared.model import ObjectKey
from shared.runtime import Clock, point
from shared.runtime.clock import rfc3339

# Deletes objects and returns what could not be deleted, with the reason.
DeleteAll = Callable[[Lane, Iterable[ObjectKey]], Awaitable[dict[ObjectKey, str]]]


class Finalize:
    """
    The step that ends a Kustomization.
    """

    def __init__(
        self,
        cluster: Cluster,
        declarations: Declarations,
        delete_all: DeleteAll,
        report: Report,
        *,
        clock: Clock,
    ) -> None:
        self._cluster = cluster
        self._declarations = declarations
        self._delete_all = delete_all
        self._report = report
        self._clock = clock

    async def hold(self, lane: Lane, ahead: Json | None = None) -> None:
        """
        Set our finalizer; the status that a first pass writes ahead is a part of the same write.
        """
        annotations = {AHEAD: to_annotation(ahead, lane.uid)} if ahead and not lane.begun else {}
        try:
            held = await self._declarations.set_finalizer(
                lane.declared, present=True, annotations=annotations
            )
        except SetpointError as exc:
            if exc.reason != "NotFound":
                raise
            # It was deleted a moment ago: the watch tells us, and nobody else has to hear of it.
            raise TransientError(exc.message, reason="Conflict") from exc
        lane.base = held
        lane.redeclare(held)
        point("reconciler.finalizer-set")

    async def run(self, lane: Lane) -> Json | None:
        """
        Go on with the end of ``lane``.

        Returns:
            None if it is done; else the status that says what it waits for.

        """
        if not lane.held:
            return None
        status = await self._end(lane)
        if status is None:
            await self._declarations.set_finalizer(lane.declared, present=False)
        return status

    async def _end(self, lane: Lane) -> Json | None:
        inventory = lane.recorded
        try:
            declared = about_end(lane.declared)
        except StalledError as exc:
            if len(inventory) and not lane.suspended:
                why = f"{exc.message}; delete the objects yourself if they are not wanted"
                await self._leave(lane, inventory, conditions.FAILED, why)
            return None
        going = len(inventory) and deletes(declared)
        if going and (barred := barred_deletion(declared)):
            await self._leave(lane, inventory, conditions.NOT_SUPPORTED, barred)
        elif going:
            troubles = await self._delete_all(lane, inventory.keys)
            point("reconciler.finalizer-deleted")
            troubles |= await self._awaited(lane, declared, inventory)
            if troubles:
                refusals = [Refusal(key=key, message=text) for key, text in troubles.items()]
                at = At(generation=lane.generation, now=rfc3339(self._clock.now()))
                text = prune_failed(refusals)
                return conditions.failed(lane.status, at, conditions.PRUNE_FAILED, text)
        return None

    async def _leave(self, lane: Lane, inventory: Inventory, reason: str, why: str) -> None:
        await self._report.tell(
            lane,
            severity="error",
            reason=reason,
            message=f"deleted; {left_behind(len(inventory))}: {why}",
        )

    async def _awaited(
        self, lane: Lane, declared: Kustomization, inventory: Inventory
    ) -> dict[ObjectKey, str]:
        """
        Return what is still there, where the policy waits for it and the time is not over.
        """
        if declared.spec.deletion_policy != "WaitForTermination":
            return {}
        now = self._clock.monotonic()
        lane.ends_since = now if lane.ends_since is None else lane.ends_since
        if now - lane.ends_since >= declared.spec.timeout_seconds:
            return {}
        return {
            key: "is being deleted"
            for key in inventory
            if (live := await self._cluster.get(key)) is not None
            and lane.owner.owns(live["metadata"].get("labels"))
        }
