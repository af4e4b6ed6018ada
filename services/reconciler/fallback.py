"""
Know what was applied last, at a start at which the newest revision cannot be rendered.

Without that nobody would know what to heal until somebody has mended the source. Nothing new is
applied by it, and nothing pruned: only an object that is proven to have been applied just so is
desired again. What needs a closer look is left to the next revision that can be rendered.
"""

import structlog

from services.reconciler.core.conditions import attempted_source
from services.reconciler.core.drift import Mode, mode_of
from services.reconciler.core.manifest import Desired
from services.reconciler.core.receipt import receipt_from_response
from services.reconciler.lane import Lane
from services.reconciler.lanes import Lanes
from services.reconciler.ports import Cluster
from services.reconciler.recall import Recall
from services.reconciler.render import Render
from services.reconciler.revert import equal
from services.reconciler.slots import side_by_side
from shared.errors import SetpointError
from shared.model import ObjectKey

log = structlog.get_logger()


class Fallback:
    """
    The step that goes back to the last rendering, so that it is healed.
    """

    def __init__(self, cluster: Cluster, lanes: Lanes, render: Render, recall: Recall) -> None:
        self._cluster = cluster
        self._lanes = lanes
        self._render = render
        self._recall = recall

    async def run(self, lane: Lane) -> None:
        """
        Make what was applied last the desired state of a lane that has none since the start.
        """
        digest, recorded = lane.rendered, attempted_source(lane.status)
        if digest is None or lane.suspended or lane.deleting or mode_of(lane.spec) is Mode.DISABLED:
            return
        try:
            rendering = await self._render.before(lane, lane.memory.spec or lane.spec, digest)
            await self._recall.run(lane, rendering, lane.inventory.keys)
        except SetpointError as exc:
            log.warning(
                "drift is not healed: what was applied last cannot be rendered",
                namespace=lane.namespace,
                name=lane.name,
                digest=str(digest),
                error=exc.message,
            )
            return
        proven = await self._proven(lane, rendering.desired)
        # Not all of what is desired: what a pass that was cut short has rendered holds no more.
        lane.memory.desired, lane.memory.render = proven, None
        lane.memory.shared = {k: v for k, v in rendering.shared.items() if k in proven}
        for key in _doubtful(lane) - proven.keys():
            lane.memory.receipts.pop(key, None)  # it may tell of a time before our last apply
        lane.remembered = lane.remembered or recorded
        lane.settled = True
        lane.wake.set()

    async def _proven(self, lane: Lane, desired: tuple[Desired, ...]) -> dict[ObjectKey, Desired]:
        """
        Return what was applied just so and belongs to nobody else by now.
        """
        others = {key for one in self._lanes if one is not lane for key in one.inventory}
        ours = {
            one.key: one
            for one in desired
            if one.key not in others
            and (receipt := lane.memory.receipts.get(one.key)) is not None
            and receipt.desired_digest == one.digest
        }

        async def look(key: ObjectKey) -> None:
            if not await self._unchanged(lane, ours[key]):
                del ours[key]

        await side_by_side(look, _doubtful(lane) & ours.keys())
        return ours

    async def _unchanged(self, lane: Lane, wanted: Desired) -> bool:
        try:
            live = await self._cluster.get(wanted.key)
        except SetpointError:
            return False
        if live is None or not equal(wanted, live, lane):
            return False
        lane.marks.take(wanted.key)
        lane.memory.receipts[wanted.key] = receipt_from_response(wanted.digest, live)
        return True


def _doubtful(lane: Lane) -> set[ObjectKey]:
    return {key for key, certain in lane.marks.drifted.items() if not certain}
