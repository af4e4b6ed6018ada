"""
Follow what lives in the cluster: one watch per kind of the inventories, routed to the lanes.

Each event is reduced at once to what a lane needs to know; no object is kept. A watch that was
silent for too long is not trusted, and the passes verify instead.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping

import structlog

from services.reconciler.core.health import needs_whole_object
from services.reconciler.core.ownership import owner_labels
from services.reconciler.lane import Lane
from services.reconciler.ports import (
    Alive,
    Cluster,
    Json,
    Kind,
    Notice,
    Seen,
    Silent,
    Snapshot,
    Watches,
)
from shared.errors import SetpointError
from shared.model import ObjectKey
from shared.runtime import Clock

log = structlog.get_logger()

TRUST = 90.0  # seconds without event or bookmark after which a watch may have missed something
_FIRST = 2.0  # seconds to wait for the first word about a kind; then its objects are read
_RETRY = 5.0  # seconds until a watch that cannot begin is tried again

GroupKind = tuple[str, str]
Labels = Mapping[str, str]


class Observer:
    """
    All watches of managed objects, and of single objects whose health somebody waits for.
    """

    def __init__(
        self,
        watches: Watches,
        cluster: Cluster,
        *,
        lanes_of: Callable[[GroupKind], Mapping[ObjectKey, Lane]],
        clock: Clock,
    ) -> None:
        self._watches = watches
        self._cluster = cluster
        self._lanes_of = lanes_of
        self._clock = clock
        self._alive: dict[GroupKind, float] = {}
        self._kinds: dict[GroupKind, asyncio.Task[None]] = {}
        self._first: dict[GroupKind, asyncio.Event] = {}
        self._singles: dict[ObjectKey, asyncio.Task[None]] = {}
        self._single_lanes: dict[ObjectKey, set[Lane]] = {}
        self._absent: set[GroupKind] = set()  # kinds that nobody serves
        self._strangers: dict[GroupKind, dict[ObjectKey, Labels]] = {}
        self.released = False  # there are HelmReleases: our watches do not show what they own
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """
        Hold the watches until cancelled.
        """
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.Event().wait()

    def require(self, kinds: set[GroupKind]) -> None:
        """
        Follow these kinds, beside those that are followed already.
        """
        for kind in kinds - self._kinds.keys():
            self._kinds[kind] = self._start(self._follow_kind(kind))

    async def first(self, kinds: set[GroupKind]) -> None:
        """
        Wait until each of these kinds has been seen once.
        """
        for kind in kinds:
            await self._first.setdefault(kind, asyncio.Event()).wait()

    def release(self, kinds: set[GroupKind]) -> None:
        """
        Stop following kinds that no inventory has any more.
        """
        for kind in kinds & self._kinds.keys():
            self._kinds.pop(kind).cancel()
            self._alive.pop(kind, None)
            self._absent.discard(kind)
            self._strangers.pop(kind, None)
            self._first.pop(kind, None)

    def follow(self, lane: Lane, keys: frozenset[ObjectKey]) -> None:
        """
        Follow single objects that ``lane`` waits for but does not own; replaces earlier ones.
        """
        for key in [key for key, lanes in self._single_lanes.items() if lane in lanes]:
            if key in keys:
                continue
            self._single_lanes[key].discard(lane)
            if not self._single_lanes[key]:
                del self._single_lanes[key]
                self._singles.pop(key).cancel()
        for key in keys:
            self._single_lanes.setdefault(key, set()).add(lane)
            if key not in self._singles:
                self._singles[key] = self._start(self._follow_single(key))

    def trusted(self, kind: GroupKind) -> bool:
        """
        Say whether the watch of a kind showed life lately.
        """
        alive = self._alive.get(kind)
        return alive is not None and self._clock.monotonic() - alive <= TRUST

    @property
    def kinds(self) -> frozenset[GroupKind]:
        """
        The kinds that are followed.
        """
        return frozenset(self._kinds)

    async def owners(self, keys: Collection[ObjectKey]) -> dict[ObjectKey, Labels | SetpointError]:
        """
        Return the owner's labels of those of ``keys`` that are there and carry any.

        That costs no request where the watch of their kind can be trusted. Where the objects of a
        kind cannot be read, it is that which is returned, and one request.
        """
        kinds = {(key.group, key.kind) for key in keys}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST):
                await self.first(kinds)
        found: dict[ObjectKey, Labels | SetpointError] = {}
        unreadable: dict[GroupKind, SetpointError] = {}
        for key in keys:
            kind = (key.group, key.kind)
            if kind in self._absent:
                continue
            labels: Labels | SetpointError | None
            if self.trusted(kind) and not self.released:
                labels = self._strangers.get(kind, {}).get(key)
            else:
                labels = unreadable.get(kind) or await self._read_labels(key)
            if isinstance(labels, SetpointError):
                unreadable[kind] = labels
            if labels:
                found[key] = labels
        return found

    async def _read_labels(self, key: ObjectKey) -> Labels | SetpointError | None:
        try:
            live = await self._cluster.get(key)
        except SetpointError as exc:
            return exc
        labels: Labels | None = live["metadata"].get("labels") if live else None
        return labels

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        if self._group is None:
            work.close()
            raise RuntimeError("the observer follows nothing before run()")
        return self._group.create_task(work)

    async def _follow_kind(self, group_kind: GroupKind) -> None:
        while True:
            try:
                kind = await self._cluster.kind(*group_kind)
                if kind is None:
                    self._absent.add(group_kind)
                    self._first.setdefault(group_kind, asyncio.Event()).set()
                else:
                    self._absent.discard(group_kind)
                    async for notice in self._open(kind):
                        self._on_kind(group_kind, notice)
            except SetpointError as exc:
                log.info("watch cannot begin", kind=group_kind[1], error=exc.message)
            self._alive.pop(group_kind, None)
            await self._clock.sleep(_RETRY)

    def _open(self, kind: Kind) -> AsyncIterator[Notice]:
        return self._watches.managed(kind, whole=needs_whole_object(kind.group, kind.kind))

    def _on_kind(self, group_kind: GroupKind, notice: Notice) -> None:
        if isinstance(notice, Silent):
            self._alive.pop(group_kind, None)
            return
        self._alive[group_kind] = self._clock.monotonic()
        match notice:
            case Snapshot(objects=objects):
                self._on_snapshot(group_kind, objects)
            case Seen(object=obj, gone=gone):
                key = _key(group_kind, obj)
                self._meet(group_kind, key, None if gone else obj)
                lane = self._lanes_of(group_kind).get(key)
                if lane is not None:
                    lane.notice(key, None if gone else obj)
            case Alive():
                pass

    def _on_snapshot(self, group_kind: GroupKind, objects: tuple[Json, ...]) -> None:
        # Compared with the inventories, not with what was seen before: what is recorded and not
        # listed is gone, or has lost our label.
        seen = {_key(group_kind, obj): obj for obj in objects}
        self._strangers[group_kind] = {}
        for key, obj in seen.items():
            self._meet(group_kind, key, obj)
        for key, lane in list(self._lanes_of(group_kind).items()):
            lane.notice(key, seen.get(key), listed=True)
        self._first.setdefault(group_kind, asyncio.Event()).set()

    def _meet(self, group_kind: GroupKind, key: ObjectKey, obj: Json | None) -> None:
        """
        Keep the owner's labels of an object that is not the one's who has recorded it.
        """
        strangers = self._strangers.setdefault(group_kind, {})
        lane = self._lanes_of(group_kind).get(key)
        labels = owner_labels(obj["metadata"].get("labels")) if obj else {}
        if not labels or (lane is not None and lane.owner.owns(labels)):
            strangers.pop(key, None)
        else:
            strangers[key] = labels

    async def _follow_single(self, key: ObjectKey) -> None:
        while True:
            try:
                kind = await self._cluster.kind(key.group, key.kind)
                if kind is not None:
                    async for notice in self._watches.single(kind, key):
                        self._on_single(key, notice)
            except SetpointError as exc:
                log.info("watch cannot begin", kind=key.kind, error=exc.message)
            await self._clock.sleep(_RETRY)

    def _on_single(self, key: ObjectKey, notice: Notice) -> None:
        found: Json | None
        match notice:
            case Snapshot(objects=objects):
                found = objects[0] if objects else None
            case Seen(object=obj, gone=gone):
                found = None if gone else obj
            case _:
                return
        for lane in list(self._single_lanes.get(key, ())):
            lane.notice_other(key, found)


def _key(group_kind: GroupKind, obj: Json) -> ObjectKey:
    meta = obj["metadata"]
    return ObjectKey(
        group=group_kind[0],
        kind=group_kind[1],
        namespace=str(meta.get("namespace") or ""),
        name=str(meta["name"]),
    )
