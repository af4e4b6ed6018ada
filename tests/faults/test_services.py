"""
Each service is killed under load and comes back.
"""

import asyncio

import pytest

from tests.faults.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["source", "reconciler", "notifier"])
async def test_a_service_that_is_killed_under_load_goes_on_where_it_was(rig: Rig, name: str):
    async with rig.workload.running():
        await asyncio.sleep(3)
        await rig.system.services[name].kill()
        await asyncio.sleep(3)
    await rig.judged()
