"""
The disks of the services are full, or give back something else than was written.
"""

import asyncio

import pytest

from tests.faults.rig import Rig
from tests.faults.system.disk import small_disk
from tests.faults.system.services import Service

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

SERVICES = ("source", "reconciler", "notifier")
CALM, HURT = 2.0, 8.0  # seconds
# What a service cannot work without says so at the start and is no cache: it is left whole.
LEFT = ("identity", "lock", "addresses.json", "digest-key")


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_whose_disk_is_full_for_a_while_loses_nothing(rig: Rig, name: str):
    service = rig.system.services[name]
    async with small_disk(service.data, service) as disk:
        async with rig.workload.running():
            await asyncio.sleep(CALM)
            disk.fill()
            await asyncio.sleep(HURT)
            disk.clear()
            await asyncio.sleep(CALM)
        await rig.judged()


@pytest.mark.parametrize("name", SERVICES)
async def test_files_that_are_not_what_was_written_are_not_believed(rig: Rig, name: str):
    service = rig.system.services[name]
    async with rig.workload.running():
        await asyncio.sleep(CALM)
        await service.stop()
        damaged = damage(service)
        await service.start()
        await asyncio.sleep(CALM)
    print(f"damaged: {damaged}")
    await rig.judged()


def damage(service: Service) -> list[str]:
    """
    Turn a byte in the middle of each file.
    """
    found = []
    for path in sorted(service.data.rglob("*")):
        if not path.is_file() or path.name in LEFT or not path.stat().st_size:
            continue
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x20
        path.write_bytes(data)
        found.append(path.name)
    return found
