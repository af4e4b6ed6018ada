"""
Know again what we applied last, where the answer was lost and somebody changed the object since.

Without that, the pass would heal an edit as if its own revision had brought the change, and tell
nobody whose it was; where drift is only to be reported, it would overwrite it.
"""

import contextlib
from collections.abc import Collection

from services.reconciler.core.drift import Mode, mode_of
from services.reconciler.core.manifest import Desired
from services.reconciler.core.options import Ssa
from services.reconciler.core.recall import recalled, unanswered
from services.reconciler.lane import Lane
from services.reconciler.ports import Cluster
from services.reconciler.render import Rendering
from services.reconciler.slots import side_by_side
from shared.errors import SetpointError
from shared.model import ObjectKey


class Recall:
    """
    The step that makes lost receipts again.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def run(
        self, lane: Lane, rendering: Rendering | None, recorded: Collection[ObjectKey]
    ) -> None:
        """
        Look at the objects whose last apply nobody answered and that others have changed since.
        """
        desired = rendering.desired if rendering else lane.memory.desired.values()
        doubtful = [one for one in desired if one.key in recorded and _doubtful(lane, one)]
        if not doubtful or mode_of(lane.spec) is Mode.DISABLED:
            return
        last = rendering or lane.memory.render
        concluded = last is not None and _concluded(lane, last.digest)

        async def one(wanted: Desired) -> None:
            # Who cannot be asked proves nothing: the pass applies, and says how that went.
            with contextlib.suppress(SetpointError):
                await self._look(lane, wanted, concluded=concluded)

        await side_by_side(one, doubtful)

    async def _look(self, lane: Lane, wanted: Desired, *, concluded: bool) -> None:
        live = await self._cluster.get(wanted.key)
        before = lane.memory.receipts.get(wanted.key)
        if live is None or not lane.owner.owns(live["metadata"].get("labels")):
            return
        if before is not None and before.uid != live["metadata"]["uid"]:
            return
        answer = await self._cluster.apply(wanted.object, dry_run=True)
        receipt = recalled(wanted, live, answer, concluded=concluded)
        if receipt is not None:
            lane.memory.receipts[wanted.key] = receipt
            lane.marks.put_back(wanted.key, certain=True)


def _doubtful(lane: Lane, wanted: Desired) -> bool:
    receipt = lane.memory.receipts.get(wanted.key)
    if receipt is not None and receipt.desired_digest == wanted.digest:
        return False
    if wanted.options.ignored or wanted.options.ssa is Ssa.IF_NOT_PRESENT:
        return False
    return unanswered(receipt, lane.memory.touched.get(wanted.key, ""))


def _concluded(lane: Lane, digest: str) -> bool:
    """
    Say whether the status records that all of this rendering was applied, and nothing since.
    """
    first: object = next(iter(lane.status.get("history") or ()), None)
    return (
        isinstance(first, dict)
        and first.get("digest") == digest
        and first.get("lastReconciledStatus") == "ReconciliationSucceeded"
    )
