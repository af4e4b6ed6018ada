"""
The bus is away, frozen, full, deaf, torn, and says everything again in the wrong order.
"""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import pytest

from shared.bus import Bus
from shared.bus.object_meta import CHUNKS
from shared.bus.reader import Reader, Stored
from shared.bus.streams import ARTIFACTS, EVENTS, MIB, REVISIONS, StreamSpec
from shared.errors import SetpointError
from tests.faults.eventually import eventually
from tests.faults.rig import Rig
from tests.faults.system.declared import PLAIN
from tests.faults.system.disk import small_disk
from tests.faults.system.loop import loop_disk

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

OLD = 4  # revisions that are said again
CALM = 2.0  # seconds of load before a fault, and after it
CUTS = 3  # of the power
PROBE = StreamSpec(name="PROBE", subjects=("probe",), max_bytes=MIB)


async def test_a_restart_of_the_bus_loses_nothing(rig: Rig):
    async with rig.workload.running():
        for _ in range(3):
            await asyncio.sleep(CALM)
            await rig.system.nats.stop()
            await rig.system.nats.start()
        await asyncio.sleep(CALM)
    await rig.judged()


async def test_an_outage_of_the_bus_of_twenty_seconds_loses_nothing(rig: Rig):
    async with rig.workload.running():
        await asyncio.sleep(CALM)
        await rig.system.nats.stop()
        await asyncio.sleep(20)
        await rig.system.nats.start()
        await asyncio.sleep(CALM)
    await rig.judged()


async def test_a_bus_that_is_frozen_for_a_while_loses_nothing(rig: Rig):
    async with rig.workload.running():
        await asyncio.sleep(CALM)
        rig.system.nats.freeze()
        await asyncio.sleep(20)
        rig.system.nats.thaw()
        await asyncio.sleep(CALM)
    await rig.judged()


async def test_a_full_stream_of_events_makes_them_wait_with_who_tells_them(rig: Rig):
    async with rig.system.nats.connected() as bus, rig.workload.running():
        await asyncio.sleep(CALM)
        used = int((await bus.state(EVENTS.name))["bytes"])
        await _limit(bus, used + 1024)
        try:
            await eventually("events wait", lambda: _outboxes(rig), within=20)
            await asyncio.sleep(CALM)
        finally:
            await _limit(bus, EVENTS.max_bytes)
    await rig.judged()


async def test_a_full_disk_of_the_bus_loses_nothing(rig: Rig):
    nats = rig.system.nats
    async with small_disk(nats.folder / "jetstream", nats) as disk:
        async with rig.workload.running():
            await asyncio.sleep(CALM)
            disk.fill()
            await eventually("events wait", lambda: _outboxes(rig), within=30)
            await asyncio.sleep(CALM)
            disk.clear()
            # A server that could not write stays without its streams until it is started again.
            await nats.stop()
            await nats.start()
            await asyncio.sleep(CALM)
        await rig.judged()


async def test_a_power_cut_of_the_bus_loses_nothing_that_it_had_confirmed(rig: Rig):
    nats = rig.system.nats
    async with loop_disk(nats.folder / "jetstream", nats) as disk:
        confirmed: list[int] = []
        async with rig.workload.running():
            for _ in range(CUTS):
                async with _probing(rig, confirmed):
                    await asyncio.sleep(rig.workload.random.uniform(1, 3))
                    await nats.stop()
                    disk.cut_power()
                await asyncio.to_thread(disk.replug)
                await nats.start()
                assert set(confirmed) <= await _probes(rig)
            await asyncio.sleep(CALM)
        print(f"{len(confirmed)} confirmed, the last as number {confirmed[-1]}")
        await rig.judged()


async def test_confirmations_that_are_lost_after_the_store_cost_no_event_and_double_none(rig: Rig):
    proxy = rig.system.nats.proxy
    async with rig.workload.running():
        for _ in range(4):
            await asyncio.sleep(CALM)
            proxy.deaf = True
            await asyncio.sleep(1)
            proxy.deaf = False
            proxy.reset()
        await asyncio.sleep(CALM)
    await rig.judged()


async def test_chunks_of_artifacts_that_vanish_while_they_are_read_are_stored_again(rig: Rig):
    repo = rig.system.git.repo
    # Six chunks: what is read meanwhile is torn in its middle.
    repo.write({"blob/random.bin": os.urandom(3 * 1024 * 1024)})
    async with rig.system.nats.connected() as bus, rig.workload.running():
        for number in range(80):
            await asyncio.sleep(0.1)
            await _tear(bus, whole=number % 2 == 0)
        repo.write({"blob/random.bin": None})
    await rig.judged()


async def test_old_words_that_come_again_late_and_in_reverse_order_change_nothing(rig: Rig):
    before = len(rig.system.sinks.received)
    heard: dict[str, list[Stored]] = {REVISIONS.name: [], EVENTS.name: []}
    async with rig.workload.running():
        async with asyncio.timeout(60):
            await _listen(rig, heard)
        await _again(rig, heard)
        await asyncio.sleep(CALM)
    await rig.judged()
    await _again(rig, heard)
    # Who starts now finds an old word as the last one.
    await rig.system.reconciler.kill()
    await rig.judged()
    came = Counter(one.id for one in rig.system.sinks.received[before:] if one.sink == PLAIN)
    assert not [id_ for id_, count in came.items() if count > 1]


@asynccontextmanager
async def _probing(rig: Rig, confirmed: list[int]) -> AsyncIterator[None]:
    """
    Store one message after the other and write down which are confirmed, until the bus is gone.
    """

    async def probe() -> None:
        with suppress(SetpointError):
            while True:
                confirmed.append(
                    await bus.publish_raw("probe", b"{}", secrets.token_hex(8), within=1)
                )

    async with rig.system.nats.connected() as bus:
        await bus.declare(PROBE)
        work = asyncio.create_task(probe())
        try:
            yield
        finally:
            await work


async def _probes(rig: Rig) -> set[int]:
    """
    Return the numbers of the messages that are there.
    """
    async with rig.system.nats.connected() as bus:
        reading = Reader(bus._connection, PROBE.name).read(">")
        return {one.sequence async for one in reading}


async def _limit(bus: Bus, limit: int) -> None:
    config = {**EVENTS.config(), "max_bytes": limit}
    await bus._jetstream.call(f"STREAM.UPDATE.{EVENTS.name}", config)


async def _outboxes(rig: Rig) -> bool:
    """
    Say whether events wait on the disks of the services.
    """
    return any([await service.waiting() for service in rig.system.services.values()])


async def _tear(bus: Bus, *, whole: bool) -> None:
    """
    Take all chunks of the newest object away, or only its last one.
    """
    names = await bus.subjects(ARTIFACTS.name, CHUNKS + ">")
    with suppress(SetpointError):  # another one is stored, or taken away, in between
        if whole and names:
            await bus.purge(ARTIFACTS.name, list(names)[-1])
        else:
            last: dict[str, Any] = await bus.state(ARTIFACTS.name)
            await bus.remove(ARTIFACTS.name, int(last["last_seq"]) - 1)


async def _listen(rig: Rig, heard: dict[str, list[Stored]]) -> None:
    """
    Write down all that is said from now on, until there are enough old words.
    """
    async with rig.system.nats.connected() as bus:
        after = {name: int((await bus.state(name))["last_seq"]) for name in heard}
        while len(heard[REVISIONS.name]) < OLD or not heard[EVENTS.name]:
            for name, found in heard.items():
                reading = Reader(bus._connection, name).read(">", after=after[name])
                async with aclosing(reading) as news:
                    async for one in news:
                        after[name] = one.sequence
                        found.append(one)
            await asyncio.sleep(0.05)


async def _again(rig: Rig, heard: dict[str, list[Stored]]) -> None:
    """
    Say all of it once more, last first, with the right of who said it and under another id.
    """
    said = [one for found in heard.values() for one in list(found)]
    for user, kind in (("source", ".GitRepository."), ("reconciler", ".Kustomization.")):
        async with rig.system.nats.connected(user) as bus:
            for one in reversed([one for one in said if kind in one.subject]):
                await bus.publish_raw(one.subject, one.data, secrets.token_hex(8), within=5)
