"""
The oracle: converged, and the judgement.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import aiohttp
import orjson

from cli.up.declare import resource_of
from shared.bus.reader import Reader
from shared.errors import SetpointError
from tests.faults.oracle import events, objects, resources, secrets, status
from tests.faults.oracle.breach import Breach, clock
from tests.faults.oracle.observer import OURS, Observer
from tests.faults.oracle.record import Record
from tests.faults.system import System
from tests.faults.system.declared import PLAIN
from tests.faults.workload import Journal

_SHOWN = 12  # states of an object
LOOK = 0.25  # seconds between looks whether all is so
ON_ITS_WAY = 5.0  # seconds that a delivery may take when all has converged
STREAMS = ("EVENTS", "DELIVERIES", "DEADLETTERS", "REVISIONS", "COMMANDS", "KV_RECEIPTS")


class Oracle:
    """
    Judges a system by what it saw of it and by the journal of the workload.
    """

    def __init__(self, system: System, journal: Journal) -> None:
        self.system = system
        self.journal = journal
        self.observer = Observer(system)
        self.convergences: list[float] = []
        self._seen = self.record
        self.last: list[Breach] = []  # what was missing at last before it converged
        self.orphans = 0
        self.excused: list[Breach] = []  # what a wipe of the bus took away untold
        self.totals: Counter[str] = Counter()

    @property
    def record(self) -> Record:
        return self.observer.record

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["Oracle"]:
        """
        Observe while the block runs.
        """
        async with self.observer.running():
            yield self

    async def converged(self, within: float = 60.0) -> float:
        """
        Wait until all is as the last commit declares it, told and Ready; return the seconds.

        Raises:
            AssertionError: It is not so in time; says what is missing.

        """
        begin = time.monotonic()
        while missing := await self.missing():
            if time.monotonic() - begin > within:
                shown = "\n".join(map(str, missing[:20]))
                raise AssertionError(f"not converged after {within:g} s:\n{shown}")
            self.last = missing
            await asyncio.sleep(LOOK)
        self.convergences.append(time.monotonic() - begin)
        return self.convergences[-1]

    async def missing(self) -> list[Breach]:
        """
        Return what is not as it has to be in the end.
        """
        found = [
            *objects.as_declared(self.record, self.journal),
            *status.ready(self.record, self.journal),
            *status.stored(self.record, self.journal),
        ]
        found = found or [one async for one in self._waiting()]
        if found:
            return found
        await self.observer.catch_up()
        return list(events.delivered(self.record, self.journal))

    async def _arrived(self) -> None:
        """
        Let what a pass has told since all had converged come to the sinks.
        """
        end = time.monotonic() + ON_ITS_WAY
        await self.observer.catch_up()
        while any(events.delivered(self.record, self.journal)) and time.monotonic() < end:
            await asyncio.sleep(LOOK)
            await self.observer.catch_up()

    async def _waiting(self) -> AsyncIterator[Breach]:
        """
        Tell which services have events on their disks that the bus does not have yet.
        """
        for name, service in self.system.services.items():
            seen = "no answer"
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                seen = f"{await service.waiting()} bytes wait"
            if seen != "0 bytes wait":
                yield Breach(
                    invariant="O3", object=name, expected="all events are with the bus", seen=seen
                )

    async def judge(self) -> list[Breach]:
        """
        Return every promise that was broken since the last judgement; call it when converged.
        """
        await self._arrived()
        self.observer.sample()
        record, journal = self.record, self.journal
        found = [
            *objects.as_declared(record, journal),
            *status.ready(record, journal),
            *objects.rightly_deleted(record, journal),
            *events.delivered(record, journal),
            *events.one_id(record),
            *events.all_told(record, journal),
            *objects.written_once(record, journal),
            *objects.never_older(record, journal),
            *secrets.kept(await self._places(), journal.canaries),
            *resources.bounded(record),
            *resources.ended(self._deaths()),
            *resources.swept(*await self._artifacts()),
            *status.honest(record, journal),
        ]
        if journal.wipes:
            never = replace(journal, wipes=[])
            strict = [*events.delivered(record, never), *events.all_told(record, never)]
            self.excused += [one for one in strict if one not in found]
        again, anew = events.duplicates(record)
        self.totals += Counter(
            events=len(record.stored),
            deliveries=len(record.delivered),
            duplicates=again,
            told_anew=anew,
            deletions=len(record.deletions),
            corrections=len(events.corrected(record, journal)),
            states=sum(map(len, record.objects.values())),
        )
        self._seen = replace(record, objects=dict(record.objects))
        record.cut()
        return list(dict.fromkeys(found))

    def about(self, breach: Breach) -> Iterator[str]:
        """
        Tell what was seen of the object of a breach, for a person who has to explain it.
        """
        for key, states in self._seen.objects.items():
            for one in states[-_SHOWN:] if str(key) == breach.object else ():
                who = ", ".join(sorted(one.managers)) if one.obj else "nobody: it is gone"
                yield f"  {clock(one.at)} version {one.version}, number {one.number}, of {who}"
        told = [one for one in self._seen.delivered if one.where == PLAIN]
        for one in told:
            if breach.object in {one.object, f"{one.kind}/{one.name}"}:
                yield f"  {clock(one.at)} told of {one.timestamp}: {one.reason} {one.message[:90]}"
        for touch in self.journal.touches:
            if str(touch.key) == breach.object and touch.at > breach.at - 60:
                yield f"  {clock(touch.at)} touched by {touch.manager or 'a deletion'}"

    def _deaths(self) -> dict[str, list[tuple[float, int]]]:
        return {
            name: [(one.at, one.code) for one in service.deaths if not one.told]
            for name, service in self.system.services.items()
        }

    async def _places(self) -> list[tuple[str, bytes]]:
        """
        Collect all that a person or a program may read.
        """
        places = [
            (f"webhook to {one.sink}", one.raw + repr(dict(one.headers)).encode())
            for one in self.system.sinks.received
        ]
        for name, service in self.system.services.items():
            places.append((f"log of {name}", service.log.read_bytes()))
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                places.append((f"metrics of {name}", (await service.metrics()).encode()))
        kinds = {**OURS, "Event": "v1"}
        for kind, api in kinds.items():
            with suppress(SetpointError):
                resource = await resource_of(self.system.kube, {"apiVersion": api, "kind": kind})
                items = (await self.system.kube.list(resource)).items
                places += [
                    (f"{kind}/{one['metadata']['name']}", orjson.dumps(one)) for one in items
                ]
        return places + await self._streams()

    async def _artifacts(self) -> tuple[set[str], set[str]]:
        """
        Return of which artifacts the store has pieces, and which are referred to.
        """
        name = "OBJ_artifacts"
        try:
            async with self.system.nats.connected() as bus:
                asked = {"subjects_filter": "$O.artifacts.C.>"}
                info = await bus._jetstream.call(f"STREAM.INFO.{name}", asked)
                metas = Reader(bus._connection, name).read("$O.artifacts.M.>")
                referred = {json.loads(one.data).get("nuid", "") async for one in metas}
        except SetpointError:
            return set(), set()  # it is away; the next judgement looks
        pieces = {one.rpartition(".")[2] for one in info["state"].get("subjects") or {}}
        self.orphans = len(pieces - referred)
        return pieces, referred

    async def _streams(self) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        with suppress(SetpointError):
            async with self.system.nats.connected() as bus:
                for stream in STREAMS:
                    with suppress(SetpointError):
                        # As bytes: receipts are no envelopes.
                        stored = Reader(bus._connection, stream).read(">")
                        found += [(f"stream {stream}", one.data) async for one in stored]
        return found
