"""
Watch, past all proxies: the objects, what the API server was asked, what was told, what it costs.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any

from cli.up.declare import resource_of
from shared.bus import Disconnected
from shared.errors import SetpointError
from shared.kube.watch import Bookmark, Changed, Gone, Listed
from tests.faults.oracle.record import (
    Deletion,
    Record,
    Sample,
    artifact_of,
    state_of,
    told_of,
    verdict_of,
)
from tests.faults.system import System
from tests.faults.system.declared import PLAIN
from tests.faults.workload.journal import Key

AGENT = "setpoint-reconciler"
RBAC = "rbac.authorization.k8s.io"
# Kind and resource of what the workload declares.
KINDS = {
    "ConfigMap": ("v1", "configmaps"),
    "Secret": ("v1", "secrets"),
    "Service": ("v1", "services"),
    "ServiceAccount": ("v1", "serviceaccounts"),
    "Namespace": ("v1", "namespaces"),
    "Deployment": ("apps/v1", "deployments"),
    "Role": (f"{RBAC}/v1", "roles"),
    "RoleBinding": (f"{RBAC}/v1", "rolebindings"),
}
OURS = {
    "Kustomization": "kustomize.toolkit.fluxcd.io/v1",
    "GitRepository": "source.toolkit.fluxcd.io/v1",
}
SPACES = "faults-"  # the namespaces of the workload begin so
EVERY = 2.0  # seconds between samples

Json = dict[str, Any]
See = Callable[..., None]


class Observer:
    """
    Fills a record while ``running``.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.record = Record()
        self.writes: dict[str, int] = {}
        self._audited = system.audit_log.stat().st_size
        self._taken = 0
        self._after = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._kinds = {resource: kind for kind, (_, resource) in KINDS.items()}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """
        Observe while the block runs.
        """
        watches: dict[str, tuple[str, See]] = {
            kind: (api, self._see_object) for kind, (api, _) in KINDS.items()
        }
        watches["Kustomization"] = (OURS["Kustomization"], self._see_kustomization)
        watches["GitRepository"] = (OURS["GitRepository"], self._see_source)
        # No task group: a fixture begins and ends in different tasks.
        self._tasks = [
            asyncio.create_task(self._watch(kind, api, see)) for kind, (api, see) in watches.items()
        ]
        self._tasks.append(asyncio.create_task(self._sample()))
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def check(self) -> None:
        """
        Fail if the observer has stopped to observe: it must not do so in silence.
        """
        for task in self._tasks:
            if task.done():
                task.result()

    async def _watch(self, kind: str, api: str, see: See) -> None:
        resource = await resource_of(self.system.kube, {"apiVersion": api, "kind": kind})
        known: dict[tuple[str, str], Json] = {}
        shown = 0  # up to this version nothing was missed
        async with aclosing(self.system.kube.watch(resource)) as events:
            async for event in events:
                now = time.time()
                match event:
                    case Listed(items=items, resource_version=version):
                        if shown:
                            self.record.gaps[kind].append((shown, int(version)))
                        shown = int(version)
                        there = {_name(one) for one in items}
                        for name in known.keys() - there:
                            see(_at(known.pop(name), int(version)), now, gone=True)
                        for one in items:
                            before = known.get(_name(one))
                            if before is not None and _uid(before) != _uid(one):
                                see(_at(before, _version(one) - 1), now, gone=True)
                            known[_name(one)] = one
                            see(one, now)
                    case Changed(object=one):
                        known[_name(one)] = one
                        shown = _version(one)
                        see(one, now)
                    case Gone(object=one):
                        known.pop(_name(one), None)
                        shown = _version(one)
                        see(one, now, gone=True)
                    case Bookmark(resource_version=version):
                        shown = int(version)

    def _see_object(self, obj: Json, at: float, *, gone: bool = False) -> None:
        meta = obj["metadata"]
        if not (meta.get("namespace") or meta["name"]).startswith(SPACES):
            return
        states = self.record.objects[Key.of(obj)]
        state = state_of(obj, at, gone=gone)
        if not states or states[-1].version < state.version:
            states.append(state)

    def _see_kustomization(self, obj: Json, at: float, *, gone: bool = False) -> None:
        verdicts = self.record.verdicts[obj["metadata"]["name"]]
        verdict = verdict_of(obj, at, gone=gone)
        if not verdicts or verdicts[-1].version < verdict.version:
            verdicts.append(verdict)

    def _see_source(self, obj: Json, at: float, *, gone: bool = False) -> None:
        artifact = artifact_of(obj, at)
        if artifact is not None and not gone:
            before = self.record.artifacts[-1:]
            if not before or before[0].revision != artifact.revision:
                self.record.artifacts.append(artifact)

    async def catch_up(self) -> None:
        """
        Read what is written down elsewhere: the audit log, the streams, the sinks.
        """
        self.check()
        for entry in self._audit():
            self._see_request(entry)
        received = self.system.sinks.received
        for one in received[self._taken :]:
            self.record.delivered.append(told_of(one.event, id_=one.id, at=one.at, where=one.sink))
        self._taken = len(received)
        await self._read_streams()

    def wiped(self) -> None:
        """
        Read the streams from their beginning: they are others.
        """
        self._after = 0

    async def _read_streams(self) -> None:
        try:
            async with self.system.nats.connected() as bus:
                async for one in bus.read("EVENTS", "events.>", after=self._after):
                    self._after = max(self._after, one.stream_sequence)
                    envelope = one.envelope
                    told = told_of(
                        envelope.payload,
                        id_=envelope.id,
                        at=envelope.time.timestamp(),
                        where="EVENTS",
                    )
                    self.record.stored.setdefault(envelope.id, told)
                async for one in bus.read("DEADLETTERS", "deadletters.>"):
                    letter = one.envelope.payload
                    if letter["provider"].endswith(f"/{PLAIN}"):
                        self.record.buried.add(json.loads(letter["payload"])["event_id"])
        except (Disconnected, SetpointError):
            return  # it is away; who needs it reads again

    def _audit(self) -> Iterator[Json]:
        with self.system.audit_log.open("rb") as file:
            file.seek(self._audited)
            whole, line, _ = file.read().rpartition(b"\n")
        self._audited += len(whole) + len(line)
        yield from map(json.loads, whole.splitlines())

    def _see_request(self, entry: Json) -> None:
        if entry["stage"] != "ResponseComplete" or not entry["userAgent"].startswith(AGENT):
            return
        about = entry.get("objectRef") or {}
        verb, resource = entry["verb"], about.get("resource", "")
        if verb in {"patch", "create", "update", "delete"}:
            self.writes[resource] = self.writes.get(resource, 0) + 1
        kind = self._kinds.get(resource)
        if verb != "delete" or kind is None or entry["responseStatus"].get("code") != 200:
            return
        group = about.get("apiGroup", "")
        space = "" if kind == "Namespace" else about.get("namespace", "")
        at = datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp()
        self.record.deletions.append(Deletion(key=Key(group, kind, space, about["name"]), at=at))

    async def _sample(self) -> None:
        while True:
            self.sample()
            await asyncio.sleep(EVERY)

    def sample(self) -> None:
        """
        Look what each service takes.
        """
        for name, service in self.system.services.items():
            if service.running:
                self.record.samples.append(
                    Sample(
                        at=time.time(),
                        service=name,
                        rss=service.rss(),
                        fds=service.fds(),
                        children=len(service.children()),
                        files=_files(service.data) + _files(service.temp),
                    )
                )


def _files(folder: os.PathLike[str]) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))


def _name(obj: Json) -> tuple[str, str]:
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]


def _version(obj: Json) -> int:
    return int(obj["metadata"]["resourceVersion"])


def _uid(obj: Json) -> str:
    return str(obj["metadata"]["uid"])


def _at(obj: Json, version: int) -> Json:
    """
    Return an object as of a version at which it surely was gone: no watch has shown its end.
    """
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(version)}}
