"""
Services that are frozen, or told to end while they work.
"""

import asyncio
import signal
import time

import pytest

from tests.faults.rig import Rig

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

SERVICES = ("source", "reconciler", "notifier")
# Seconds: the Lease of a frozen process runs out after 15.
FROZEN = 20.0
DRAINED = 20.0  # seconds from SIGTERM to the end, at most


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_that_was_frozen_goes_on(rig: Rig, name: str):
    async with rig.workload.running():
        rig.system.services[name].freeze()
        await asyncio.sleep(FROZEN)
        rig.system.services[name].thaw()
        await asyncio.sleep(1)
    await rig.judged()


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_that_is_told_to_end_does_so_in_time_and_is_back_at_once(
    rig: Rig, name: str
):
    service = rig.system.services[name]
    async with rig.workload.running():
        await asyncio.sleep(2)
        count, begin = len(service.deaths) + 1, time.monotonic()
        service.signal(signal.SIGTERM)
        death = await service.died(count, within=DRAINED)
        assert death is not None, f"{name} lives {time.monotonic() - begin:.0f} s after SIGTERM"
        assert death.code == 0
        await asyncio.sleep(2)
    await rig.judged()


async def test_two_words_to_end_end_at_once(rig: Rig):
    service = rig.system.reconciler
    async with rig.workload.running():
        await asyncio.sleep(2)
        count = len(service.deaths) + 1
        service.signal(signal.SIGTERM)
        service.signal(signal.SIGINT)  # two of one kind may come as one
        death = await service.died(count, within=2.0)
        assert death is not None
        assert death.code == 1
        await asyncio.sleep(2)
    await rig.judged()
