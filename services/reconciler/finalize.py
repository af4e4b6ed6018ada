"""
A Kustomization is being deleted: delete or leave its objects, then let it go.
"""

from collections.abc import Awaitable, Callable, Iterable

from services.reconciler.core.conditions import NOT_SUPPORTED, PRUNE_FAILED, At, failed
from services.reconciler.core.inventory import Inventory
from services.reconciler.core.manifest import Refusal
from services.reconciler.core.messages import left_behind, prune_failed
from services.reconciler.core.refusals import barred_deletion
from services.reconciler.lane import Lane
from services.reconciler.ports import Cluster, Declarations, Json
from services.reconciler.report import Report
from shared.api import Kustomization
from shared.model import ObjectKey
from shared.runtime import Clock, point
from shared.runtime.clock import rfc3339

FINALIZER = "finalizers.fluxcd.io"

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
        self._since: dict[tuple[str, str], float] = {}

    async def run(self, lane: Lane, declared: Kustomization) -> Json | None:
        """
        Go on with the end of ``lane``.

        Returns:
            None if it is done; else the status that says what it waits for.

        """
        if FINALIZER not in lane.declared["metadata"].get("finalizers", ()):
            return None
        inventory = Inventory.parse(lane.status.get("inventory"))
        deletes = len(inventory) and not declared.spec.suspend and _deletes(declared)
        if deletes and (barred := barred_deletion(declared)):
            await self._report.tell(
                lane,
                severity="error",
                reason=NOT_SUPPORTED,
                message=f"deleted; {left_behind(len(inventory))}: {barred}",
            )
        elif deletes:
            troubles = await self._delete_all(lane, inventory.keys)
            point("reconciler.finalizer-deleted")
            troubles |= await self._awaited(lane, declared, inventory)
            if troubles:
                refusals = [Refusal(key=key, message=text) for key, text in troubles.items()]
                at = At(generation=lane.generation, now=rfc3339(self._clock.now()))
                return failed(lane.status, at, PRUNE_FAILED, prune_failed(refusals))
        await self._declarations.set_finalizer(lane.declared, present=False)
        self._since.pop(lane.key, None)
        return None

    async def _awaited(
        self, lane: Lane, declared: Kustomization, inventory: Inventory
    ) -> dict[ObjectKey, str]:
        """
        Return what is still there, where the policy waits for it and the time is not over.
        """
        if declared.spec.deletion_policy != "WaitForTermination":
            return {}
        began = self._since.setdefault(lane.key, self._clock.monotonic())
        if self._clock.monotonic() - began >= declared.spec.timeout_seconds:
            return {}
        return {
            key: "is being deleted"
            for key in inventory
            if (live := await self._cluster.get(key)) is not None
            and lane.owner.owns(live["metadata"].get("labels"))
        }


def _deletes(declared: Kustomization) -> bool:
    match declared.spec.deletion_policy:
        case "MirrorPrune":
            return declared.spec.prune
        case "Orphan":
            return False
        case _:
            return True
