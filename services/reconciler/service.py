"""
The service: hear of declarations, sources and revisions; one lane for each Kustomization.

Nothing here waits for health or for another lane: a lane is woken by whatever concerns it, works
for a moment in one of a bounded number of slots, and sleeps again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any

import structlog

from services.reconciler.core.inventory import InventoryCorruptError
from services.reconciler.core.sources import Source, from_announcement, from_object
from services.reconciler.declaration import REQUESTED_AT, Json
from services.reconciler.gather import ALLOW_EMPTY
from services.reconciler.lane import Lane
from services.reconciler.lanes import Lanes, urgency_of
from services.reconciler.observe import Observer
from services.reconciler.ports import Artifacts, Notice, Seen, Snapshot, Watches
from services.reconciler.report import Report
from services.reconciler.slots import Urgency
from services.reconciler.unhurried import Bystanders
from services.reconciler.work import Work
from shared.messages import Command, RevisionAnnounced
from shared.model import Conditions, Digest

log = structlog.get_logger()

HELM_RELEASES = "helmreleases.helm.toolkit.fluxcd.io"


class Service:
    """
    All lanes and what wakes them.
    """

    def __init__(
        self,
        watches: Watches,
        observer: Observer,
        artifacts: Artifacts,
        lanes: Lanes,
        work: Work,
        report: Report,
        bystanders: Bystanders,
    ) -> None:
        self._watches = watches
        self._observer = observer
        self._artifacts = artifacts
        self._lanes = lanes
        self._work = work
        self._report = report
        self._bystanders = bystanders
        self._group: asyncio.TaskGroup | None = None
        self.sources_known = asyncio.Event()
        self.declarations_known = asyncio.Event()
        lanes.on_kinds = self._on_kinds
        lanes.is_trusted = observer.trusted

    async def run(self) -> None:
        """
        Serve until cancelled.
        """
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._observer.run())
            group.create_task(self._bystanders.run())
            await asyncio.sleep(0)  # the observer has its group before anybody asks it to follow
            sources = self._watches.declared("GitRepository")
            group.create_task(self._follow(sources, self._on_source))
            group.create_task(self._follow_definitions())
            await self.sources_known.wait()
            declared = self._watches.declared("Kustomization")
            group.create_task(self._follow(declared, self._on_declared))

    async def on_revision(self, message: RevisionAnnounced) -> None:
        """
        Take an announced revision: it saves the round trip to the source object.
        """
        news = self._lanes.heard_of(from_announcement(message))
        if news is not None:
            await self._wake_users(news)

    async def on_command(self, message: Command) -> None:
        """
        Take a command: look now.
        """
        lane = self._lanes.get(message.namespace, message.name)
        if lane is not None:
            lane.request(Urgency.NOW)

    async def on_bus_wiped(self) -> None:
        """
        Save the receipts again: the cache was lost with the bus.
        """
        for lane in self._lanes:
            if lane.settled:
                await self._report.save(lane, anew=True)

    # What wakes lanes

    async def _follow(
        self, notices: AsyncIterator[Notice], handle: Callable[[Notice], Awaitable[None]]
    ) -> None:
        async for notice in notices:
            await handle(notice)

    async def _on_source(self, notice: Notice) -> None:
        match notice:
            case Snapshot(objects=objects):
                for obj in objects:
                    await self._saw_source(obj)
                self.sources_known.set()
            case Seen(object=obj, gone=True):
                meta = obj["metadata"]
                self._lanes.lost_source(("GitRepository", meta["namespace"], meta["name"]))
            case Seen(object=obj):
                await self._saw_source(obj)

    async def _saw_source(self, obj: Json) -> None:
        news = self._lanes.saw_source(from_object({"kind": "GitRepository", **obj}))
        if news is not None:
            await self._wake_users(news)

    async def _wake_users(self, source: Source) -> None:
        users = self._lanes.of_source(source)
        if not users or not source.digest:
            return
        for lane in users:
            lane.expected = True
        index = None
        if any(lane.memory.render for lane in users):
            digest = Digest.parse(source.digest)
            index = await self._artifacts.index(digest, source.index_digest)
        # Who has to render comes first, before the slots are full of those that only take note.
        urgencies = [(urgency_of(lane, index), lane) for lane in users]
        for urgency, lane in sorted(urgencies, key=itemgetter(0)):
            if urgency is Urgency.ROUTINE and lane.claims and self._stands_by(lane, source):
                lane.claims = replace(lane.claims, digest=source.digest)  # renders the same
                self._bystanders.add(lane)
            else:
                lane.request(urgency)
        used = {Digest.parse(lane.source.digest) for lane in self._lanes if lane.source}
        used |= {lane.rendered for lane in self._lanes if lane.rendered is not None}
        self._artifacts.keep(frozenset(used))

    def _stands_by(self, lane: Lane, source: Source) -> bool:
        """
        Say whether nobody waits for a lane that renders the same, and what it claims holds.
        """
        waits = lane.waiting or lane.undecided is not None or not _is_ready(lane.believed)
        return not waits and self._lanes.neighbour(lane).digest == source.digest

    async def _on_declared(self, notice: Notice) -> None:
        match notice:
            case Snapshot(objects=objects):
                present = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in objects}
                for lane in self._lanes:
                    if lane.key not in present:
                        self._remove(lane)
                for obj in objects:
                    self._declared(obj)
                self.declarations_known.set()
            case Seen(object=obj, gone=True):
                gone = self._lanes.get(obj["metadata"]["namespace"], obj["metadata"]["name"])
                if gone is not None and gone.uid == obj["metadata"]["uid"]:
                    self._remove(gone)
            case Seen(object=obj):
                self._declared(obj)

    def _declared(self, obj: Json) -> None:
        obj = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", **obj}
        meta = obj["metadata"]
        lane = self._lanes.get(meta["namespace"], meta["name"])
        if lane is not None and lane.uid != meta["uid"]:
            self._remove(lane)
            lane = None
        if lane is None:
            self._begin(obj)
            return
        before = lane.declared
        if not lane.redeclare(obj):
            return
        if _asks(before) != _asks(obj):
            lane.request(Urgency.NOW)
        if _is_ready(before) != _is_ready(obj):
            self._wake_dependents(lane)

    def _begin(self, obj: Json) -> None:
        lane = Lane(obj, clock=self._work.clock)
        try:
            lane.inventory = lane.recorded
        except InventoryCorruptError as exc:
            log.info("inventory unreadable", name=lane.name, error=exc.message)
        self._lanes.add(lane)
        if self._group is not None:
            self._group.create_task(self._work.run(lane), name=f"lane {lane.namespace}/{lane.name}")

    def _remove(self, lane: Lane) -> None:
        self._lanes.remove(lane)
        self._observer.follow(lane, frozenset())
        self._work.forget(lane)
        self._wake_dependents(lane)

    def _wake_dependents(self, lane: Lane) -> None:
        for other in self._lanes.dependents(lane):
            if not _is_ready(other.believed):
                other.request(Urgency.CHANGED)

    async def _follow_definitions(self) -> None:
        async for notice in self._watches.definitions():
            found = notice.objects if isinstance(notice, Snapshot) else ()
            found = (notice.object,) if isinstance(notice, Seen) else found
            if any(one["metadata"]["name"] == HELM_RELEASES for one in found):
                self._observer.released = True
            if isinstance(notice, Seen):
                for lane in self._lanes:
                    if lane.memory.refused:
                        lane.request(Urgency.ROUTINE)

    def _on_kinds(self, kinds: frozenset[tuple[str, str]]) -> None:
        self._observer.require(set(kinds))
        self._observer.release(set(self._observer.kinds - kinds))


def _asks(declared: Json) -> tuple[object, ...]:
    """
    Return what of a declaration asks for a pass when it changes.
    """
    meta = declared["metadata"]
    annotations = meta.get("annotations") or {}
    return (
        meta.get("generation"),
        annotations.get(REQUESTED_AT),
        annotations.get(ALLOW_EMPTY),
        bool(meta.get("deletionTimestamp")),
    )


def _is_ready(declared: Mapping[str, Any]) -> bool:
    status = declared.get("status") or {}
    return Conditions.from_json(status.get("conditions")).is_true("Ready")
