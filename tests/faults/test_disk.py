"""
The disks of the services are full, turn read-only, lose their power, or give back something else
than was written.
"""

import asyncio

import pytest

from tests.faults.eventually import eventually
from tests.faults.rig import Rig
from tests.faults.system.disk import small_disk
from tests.faults.system.loop import loop_disk
from tests.faults.system.services import Service

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

SERVICES = ("source", "reconciler", "notifier")
CALM, HURT = 2.0, 8.0  # seconds
# Who writes while all is well; the reconciler needs no disk while the bus is there.
NEED_IT, READ_ONLY = frozenset({"source", "notifier"}), "Read-only file system"
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
async def test_a_disk_that_loses_its_power_and_then_turns_read_only_loses_nothing(
    rig: Rig, name: str
):
    service, nats = rig.system.services[name], rig.system.nats
    async with loop_disk(service.data, service) as disk:
        async with rig.workload.running():
            await works(service)
            # Events wait on the disk while the bus is away.
            await nats.stop()
            await asyncio.sleep(2 * CALM)
            await service.crash()
            disk.cut_power()
            await asyncio.to_thread(disk.replug)
            await nats.start()
            await service.start()
            await works(service)
            # What finds no room behind others that still wait is refused, and counted.
            await eventually("no event waits", lambda: all_sent(service))
            said = len(service.said())
            disk.turn_read_only()
            if name in NEED_IT:
                await eventually("it says why", lambda: tells(service, said, READ_ONLY))
            await asyncio.sleep(2 * CALM)
            await service.stop()
            await asyncio.to_thread(disk.replug)
            await service.start()
            await works(service)
        await rig.judged()


async def works(service: Service) -> None:
    """
    Wait until it has started, and let it work a little.
    """
    await service.ports()
    await asyncio.sleep(CALM)


async def all_sent(service: Service) -> bool:
    return not await service.waiting()


async def tells(service: Service, since: int, words: str) -> bool:
    return words in service.said()[since:]


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
