"""
The bus loses what it holds, all of it or stream by stream.
"""

import asyncio
import time

import pytest

from shared.bus.streams import ALL
from tests.faults.eventually import eventually
from tests.faults.rig import Rig
from tests.faults.system.declared import PLAIN

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

CALM = 2.0  # seconds of load before a fault, and after it


async def test_a_wiped_bus_is_built_again_prunes_nothing_and_is_told(rig: Rig):
    begin = time.time()
    async with rig.workload.running():
        await asyncio.sleep(3)
        async with rig.wiping():
            await rig.system.nats.wipe()
        await asyncio.sleep(CALM)
    await rig.judged()
    await eventually("BusReset is told", lambda: _told(rig, "BusReset", since=begin))


async def test_streams_that_are_deleted_one_by_one_are_declared_again(rig: Rig):
    async with rig.system.nats.connected() as bus, rig.workload.running():
        for spec in ALL:
            await asyncio.sleep(CALM)
            async with rig.wiping():
                await bus._jetstream.call(f"STREAM.DELETE.{spec.name}")
        await asyncio.sleep(CALM)
    await rig.judged()


async def _told(rig: Rig, reason: str, *, since: float) -> bool:
    return any(
        one.sink == PLAIN and one.at >= since and one.event["reason"] == reason
        for one in rig.system.sinks.received
    )
