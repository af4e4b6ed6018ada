"""
The task of a lane, over the reconciler in memory.
"""

import asyncio
from contextlib import asynccontextmanager, suppress

from services.reconciler.observe import Observer
from services.reconciler.slots import Slots
from services.reconciler.work import Tools, Work
from shared.runtime.metrics import Metrics
from tests.fakes.reconciler.ports import FakeWatches


@asynccontextmanager
async def working(world, process, lane, reconcile, slots=None):
    """Run the task of a lane until it rests, and after each moment that is waited for."""
    work = worker(world, process, reconcile, slots)
    task = asyncio.create_task(work.run(lane))
    await rest()
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def worker(world, process, reconcile, slots=None):
    observer = Observer(
        FakeWatches(world.api), world.cluster, lanes_of=lambda _: {}, clock=world.clock
    )
    tools = Tools(
        observer=observer,
        receipts=process.receipts,
        reconcile=reconcile,
        fallback=process.fallback,
        revert=process.revert,
        conclude=process.conclude,
        halt=process.halt,
        report=process.report,
    )
    observer.first = nothing
    observer.follow = lambda _lane, _keys: None  # what changes elsewhere, a test says
    return Work(
        tools, process.lanes, slots or Slots(1), jitter=0, clock=world.clock, metrics=Metrics()
    )


async def nothing(kinds):
    del kinds


async def rest():
    for _ in range(100):  # everything is in memory: turns of the loop bring it to rest
        await asyncio.sleep(0)
