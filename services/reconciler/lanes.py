"""
All lanes, the sources they know, and which lane has which object: pure memory, no I/O.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from services.reconciler.core.claims import Claims, Neighbour, after
from services.reconciler.core.drift import not_newer
from services.reconciler.core.rendering import Index, reusable
from services.reconciler.core.sources import Source, merge_announcement, merge_object
from services.reconciler.lane import Lane
from services.reconciler.slots import Urgency
from shared.api import Kustomization
from shared.model import ObjectKey

GroupKind = tuple[str, str]
SourceName = tuple[str, str, str]  # kind, namespace, name


class Lanes:
    """
    What every lane may know of the others.
    """

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._sources: dict[SourceName, Source] = {}
        self._objects: dict[GroupKind, dict[ObjectKey, Lane]] = {}
        self._of: dict[Lane, set[ObjectKey]] = {}  # the same, the other way round
        self._asking: set[Lane] = set()
        # By key, the lanes that depend on it; None until somebody asks. Every pass does, of all.
        self._dependents: dict[tuple[str, str], list[Lane]] | None = None
        self.on_kinds: Callable[[frozenset[GroupKind]], None] = lambda _: None
        self.is_trusted: Callable[[GroupKind], bool] = lambda _: True

    def __iter__(self) -> Iterator[Lane]:
        return iter(tuple(self._lanes.values()))

    def __len__(self) -> int:
        return len(self._lanes)

    def get(self, namespace: str, name: str) -> Lane | None:
        """
        Return a lane.
        """
        return self._lanes.get((namespace, name))

    def add(self, lane: Lane) -> None:
        """
        Add a lane with the inventory that it has.
        """
        self._lanes[lane.key] = lane
        lane.on_depends = self._forget_dependents
        self._forget_dependents()
        self.recorded(lane)

    def remove(self, lane: Lane) -> None:
        """
        Remove a lane and what it had.
        """
        lane.removed = True
        lane.wake.set()
        if self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]
        self._forget_dependents()
        self._asking.discard(lane)
        for key in self._of.pop(lane, set()):
            self._let_go(key, lane)
        self._changed()
        self._tell_asking(lane)

    def recorded(self, lane: Lane) -> None:
        """
        Follow what the lane's inventory has now.
        """
        wanted, had = set(lane.inventory), self._of.get(lane, set())
        for key in had - wanted:
            had.discard(key)
            self._let_go(key, lane)
        for key in wanted - had:
            if key not in self._objects.get((key.group, key.kind), {}):
                self._give(key, lane)
        self._changed()

    def objects(self, kind: GroupKind) -> Mapping[ObjectKey, Lane]:
        """
        Return the recorded objects of a kind and whose they are.
        """
        return self._objects.get(kind, {})

    def claim(self, lane: Lane, claims: Claims) -> None:
        """
        Take what a lane declares now; who waits for that word goes on.
        """
        before, lane.claims = lane.claims, after(lane.claims, claims)
        if before != lane.claims:
            self._tell_asking(lane)

    def asks(self, lane: Lane, *, whose: bool) -> None:
        """
        Note whether the claims of others matter to a lane, so that it hears when they change.
        """
        if whose:
            self._asking.add(lane)
        else:
            self._asking.discard(lane)

    def took(self, lane: Lane, keys: Iterable[ObjectKey]) -> None:
        """
        Follow objects that a lane has applied: whoever had them before lets them go.
        """
        for key in keys:
            before = self._objects.get((key.group, key.kind), {}).get(key)
            if before is lane:
                continue
            self._give(key, lane)
            if before is not None:
                self._of[before].discard(key)
                if _missed(before, lane, key):
                    lane.marks.mark(key, certain=False)
                before.memory.receipts.pop(key, None)  # it says nothing about what is there now
                # Its next pass may break and decide nothing: what it has seen is not its drift.
                before.marks.take(key)
                before.memory.foreign.add(key)
                before.request(Urgency.ROUTINE)

    def neighbour(self, lane: Lane) -> Neighbour:
        """
        Return what others may know of a lane's claims.
        """
        source = self._sources.get(_source_name(lane))
        return Neighbour(
            claims=lane.claims,
            digest=source.digest if source else "",
            generation=lane.generation,
            busy=lane.about_to_claim,
            deleting=lane.deleting,
        )

    def beside(self, lane: Lane) -> list[tuple[Lane, bool]]:
        """
        Return all other lanes, and whether they have the same source.
        """
        name = _source_name(lane)
        return [(one, _source_name(one) == name) for one in self if one is not lane]

    def other_owner(self, lane: Lane, key: ObjectKey) -> Lane | None:
        """
        Return the lane whose inventory has an object, if it is another one.
        """
        owner = self._objects.get((key.group, key.kind), {}).get(key)
        return owner if owner is not lane else None

    def trusted(self, key: ObjectKey) -> bool:
        """
        Say whether the watch of an object's kind can be trusted.
        """
        return self.is_trusted((key.group, key.kind))

    def kustomization(self, key: ObjectKey) -> Mapping[str, Any] | None:
        """
        Return another Kustomization as the lanes know it.
        """
        lane = self.get(key.namespace, key.name)
        return lane.believed if lane else None

    def source_of(self, declared: Kustomization) -> Source | None:
        """
        Return the source that a Kustomization names.
        """
        reference = declared.spec.source_ref
        namespace = reference.namespace or declared.metadata.namespace or ""
        return self._sources.get((reference.kind, namespace, reference.name))

    def saw_source(self, seen: Source) -> Source | None:
        """
        Take a source as its object says; return it if that is news for its lanes.
        """
        name = (seen.kind, seen.namespace, seen.name)
        known = self._sources.get(name)
        new = self._sources[name] = merge_object(known, seen)
        same = known is not None and (known.uid, known.digest, known.revision) == (
            new.uid,
            new.digest,
            new.revision,
        )
        return None if same else new

    def heard_of(self, announced: Source) -> Source | None:
        """
        Take an announcement; return the source if that is news for its lanes.
        """
        name = (announced.kind, announced.namespace, announced.name)
        known = self._sources.get(name)
        new = merge_announcement(known, announced)
        if new is None or new == known:
            return None
        self._sources[name] = new
        return new if known is None or known.digest != new.digest else None

    def lost_source(self, name: SourceName) -> None:
        """
        Forget a source that was deleted; its lanes go on with what they have.
        """
        self._sources.pop(name, None)

    def of_source(self, source: Source) -> list[Lane]:
        """
        Return the lanes that use a source.
        """
        return [
            lane
            for lane in self
            if _source_name(lane) == (source.kind, source.namespace, source.name)
        ]

    def dependents(self, lane: Lane) -> list[Lane]:
        """
        Return the lanes that depend on ``lane``.
        """
        if self._dependents is None:
            self._dependents = {}
            for other in self._lanes.values():
                for key in other.depends_on:
                    self._dependents.setdefault(key, []).append(other)
        return list(self._dependents.get(lane.key, ()))

    def _forget_dependents(self) -> None:
        self._dependents = None

    def _give(self, key: ObjectKey, lane: Lane) -> None:
        self._objects.setdefault((key.group, key.kind), {})[key] = lane
        self._of.setdefault(lane, set()).add(key)

    def _let_go(self, key: ObjectKey, lane: Lane) -> None:
        del self._objects[(key.group, key.kind)][key]
        for other in self._lanes.values():
            if other is not lane and key in other.inventory:
                self._give(key, other)
                other.memory.foreign.discard(key)
                other.marks.mark(key, certain=False)  # its watch events went to the lane before
                return

    def _tell_asking(self, lane: Lane) -> None:
        for other in self._asking - {lane}:
            other.request(Urgency.CHANGED)

    def _changed(self) -> None:
        self.on_kinds(frozenset(kind for kind, objects in self._objects.items() if objects))

    def __repr__(self) -> str:
        return f"Lanes({len(self._lanes)} lanes, {len(self._sources)} sources)"


def _missed(before: Lane, lane: Lane, key: ObjectKey) -> bool:
    """
    Say whether the watch showed who had an object what came after the apply that took it.
    """
    receipt = lane.memory.receipts.get(key)
    seen = before.memory.versions.get(key)
    return receipt is not None and (seen is None or not not_newer(seen, receipt.resource_version))


def _source_name(lane: Lane) -> SourceName:
    reference = lane.spec.get("sourceRef") or {}
    return (
        str(reference.get("kind")),
        reference.get("namespace") or lane.namespace,
        str(reference.get("name")),
    )


def urgency_of(lane: Lane, index: Index | None) -> Urgency:
    """
    Say whether a new artifact touches what a lane rendered; without an index it may.
    """
    last = lane.memory.render
    if last is None or last.index is None or index is None:
        return Urgency.CHANGED
    same = reusable(last.looked, last.index, index)
    return Urgency.ROUTINE if same else Urgency.CHANGED
