"""
The work of a lane: what happens next when a pass could not be finished.
"""

import asyncio
from contextlib import suppress

import pytest

from services.reconciler.lanes import Lanes
from services.reconciler.observe import Observer
from services.reconciler.slots import Slots, Urgency
from services.reconciler.work import Tools, Work
from shared.errors import TransientError
from shared.runtime.metrics import Metrics
from tests.fakes.reconciler.ports import FakeReceipts, FakeWatches
from tests.unit.reconciler.world import World


class Failing:
    """Passes that fail; during the first, something may ask for another."""

    def __init__(self, *, asked):
        self.asked, self.passes = asked, 0

    async def run(self, lane):
        self.passes += 1
        if self.asked and self.passes == 1:
            lane.request(Urgency.NOW)
        raise TransientError("the declaration changed")


@pytest.mark.parametrize(("asked", "passes"), [(False, 1), (True, 2)])
async def test_a_lane_that_was_asked_during_a_failed_pass_does_not_wait(asked, passes):
    world, reconcile = World(), Failing(asked=asked)
    world.declare()
    process = world.start()
    lane = await process.lane()
    observer = Observer(
        FakeWatches(world.api), world.cluster, lanes_of=lambda _: {}, clock=world.clock
    )
    tools = Tools(
        observer=observer,
        receipts=FakeReceipts(),
        reconcile=reconcile,
        revert=process.revert,
        conclude=process.conclude,
        report=process.report,
    )
    work = Work(tools, Lanes(), Slots(1), jitter=0, clock=world.clock, metrics=Metrics())
    task = asyncio.create_task(work.run(lane))
    for _ in range(100):  # everything is in memory: turns of the loop bring it to rest
        await asyncio.sleep(0)
    assert reconcile.passes == passes
    assert lane.due == world.clock.monotonic() + 10
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
