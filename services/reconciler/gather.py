"""
Gather what a plan is made from: what is declared, recorded and known, and whose the objects are.

An object that moves from one Kustomization to another is handed over: the one that declared it
before waits until the other has applied it, and then lets it go instead of deleting it.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from services.reconciler.core.claims import Answer, Claims, keeps, takes, undecided
from services.reconciler.core.inventory import Inventory
from services.reconciler.core.manifest import Desired, Refusal
from services.reconciler.core.options import Ssa
from services.reconciler.core.ownership import ForeignOwner, conflict_message, foreign_owner
from services.reconciler.core.plan import Facts, Known
from services.reconciler.core.sources import Source
from services.reconciler.lane import Lane
from services.reconciler.lanes import Lanes
from services.reconciler.ports import Cluster
from services.reconciler.render import Rendering
from shared.api import Kustomization
from shared.errors import SetpointError
from shared.model import ObjectKey
from shared.runtime import Clock

ALLOW_EMPTY = "setpoint.dev/allow-empty"

# Tells the labels of those objects that are there, carry an owner's label and are no lane's; or why
# nobody can tell.
Told = Mapping[ObjectKey, Mapping[str, str] | SetpointError]
Owners = Callable[[Collection[ObjectKey]], Awaitable[Told]]


@dataclass(slots=True, kw_only=True)
class Whose:
    """
    Which objects other lanes keep from us, and which ones they take over from us.
    """

    recorded: Inventory
    kept: dict[ObjectKey, Lane] = field(default_factory=dict)
    handed: set[ObjectKey] = field(default_factory=set)
    undecided: bool = False  # somebody is about to say


class Gather:
    """
    The step before a plan.
    """

    def __init__(self, cluster: Cluster, lanes: Lanes, owners: Owners, *, clock: Clock) -> None:
        self._cluster = cluster
        self._lanes = lanes
        self._owners = owners
        self._clock = clock

    def claim(self, lane: Lane, rendering: Rendering | None, source: Source) -> None:
        """
        Tell the others what ``lane`` declares.
        """
        if rendering is not None:
            refused = (one.key for one in rendering.refused if one.key is not None)
            keys = frozenset((*(one.key for one in rendering.desired), *refused))
        else:
            keys = frozenset(lane.memory.desired)
        claims = Claims(digest=source.digest, generation=lane.generation, keys=keys)
        self._lanes.claim(lane, claims)

    def whose(self, lane: Lane) -> Whose:
        """
        Judge by what other lanes have recorded and declare whose the objects of ``lane`` are.
        """
        found = Whose(recorded=_recorded(lane))
        now = self._clock.monotonic()
        asked = undecided(lane.undecided, lane.claims, now)
        patient = asked.patient(now)
        wanted = lane.claims.keys if lane.claims else frozenset()
        for key in wanted:
            other = self._lanes.other_owner(lane, key)
            if other is not None:
                self._kept(found, key, other, patient=patient)
        stale = [key for key in found.recorded if key not in wanted]
        if stale:
            self._handed(found, lane, stale, patient=patient)
        lane.undecided = asked if found.undecided else None
        self._lanes.asks(lane, whose=bool(found.undecided or found.kept or found.handed))
        return found

    def facts(
        self, lane: Lane, declared: Kustomization, rendering: Rendering | None, whose: Whose
    ) -> Facts:
        """
        Return what the plan of a pass is made from.
        """
        desired = rendering.desired if rendering else tuple(lane.memory.desired.values())
        last = rendering or lane.memory.render
        refused = list(last.refused) if last else []
        for key, other in whose.kept.items():
            owner = ForeignOwner(kind="Kustomization", namespace=other.namespace, name=other.name)
            text = conflict_message(owner, lane.owner, unread=self._unread(owner))
            refused.append(Refusal(key=key, message=text))
        ours = tuple(one for one in desired if one.key not in whose.kept)
        annotations = lane.declared["metadata"].get("annotations") or {}
        return Facts(
            desired=ours,
            inventory=whose.recorded,
            known={one.key: self._known(lane, one.key) for one in ours},
            refused=tuple(refused),
            handed=frozenset(whose.handed),
            prune=declared.spec.prune,
            allow_empty=str(annotations.get(ALLOW_EMPTY, "")).lower() == "enabled",
        )

    async def strangers(self, lane: Lane, wanted: Iterable[Desired]) -> dict[ObjectKey, str]:
        """
        Say which objects that ``lane`` never applied belong to another living owner, and to whom.

        Nor is one taken of which nobody can tell: the others go on without it.
        """
        new = [
            one.key
            for one in wanted
            # What is left alone once it exists is taken from nobody.
            if one.key not in lane.memory.receipts and one.options.ssa is not Ssa.IF_NOT_PRESENT
        ]
        refused: dict[ObjectKey, str] = {}
        if not new:
            return refused
        for key, labels in (await self._owners(new)).items():
            if isinstance(labels, SetpointError):
                refused[key] = labels.message
                continue
            other = foreign_owner(labels, lane.owner)
            if other is not None and await self._lives(other, key):
                refused[key] = conflict_message(other, lane.owner, unread=self._unread(other))
        return refused

    def _kept(self, found: Whose, key: ObjectKey, other: Lane, *, patient: bool) -> None:
        match keeps(self._lanes.neighbour(other), key):
            case Answer.YES:
                found.kept[key] = other
            case Answer.SOON if patient:
                found.undecided = True
            case Answer.SOON:
                found.kept[key] = other

    def _handed(
        self, found: Whose, lane: Lane, stale: Collection[ObjectKey], *, patient: bool
    ) -> None:
        for other, same_source in self._lanes.beside(lane):
            neighbour = self._lanes.neighbour(other)
            # Only one of our own source may be about to take what our newest revision let go.
            waits = patient and same_source
            if waits and other.claims is not None and self._unborn(other.claims):
                found.undecided = True
            for key in stale:
                answer = takes(neighbour, key, waits=waits)
                if answer is Answer.SOON:
                    found.undecided = True
                elif answer is Answer.YES and not self._has_taken(other, key):
                    found.handed.add(key)

    def _has_taken(self, other: Lane, key: ObjectKey) -> bool:
        """
        Say whether another lane has applied an object; its receipt may be of a time before ours.
        """
        last = self._lanes.objects((key.group, key.kind)).get(key)
        applied = key in other.memory.receipts and key not in other.marks.drifted
        return last is other and applied

    def _unborn(self, claims: Claims) -> bool:
        """
        Say whether somebody has just declared a Kustomization that is not there yet.
        """
        return any(self._lanes.get(key.namespace, key.name) is None for key in claims.born)

    async def _lives(self, other: ForeignOwner, key: ObjectKey) -> bool:
        lane = self._lanes.get(other.namespace, other.name)
        if lane is not None and other.kind == "Kustomization":
            return not lane.deleting and (lane.claims is None or key in lane.claims.keys)
        found = await self._cluster.get(other.key)
        return found is not None and not found["metadata"].get("deletionTimestamp")

    def _unread(self, other: ForeignOwner) -> bool:
        """
        Say whether another Kustomization has not been rendered as it is declared now.
        """
        lane = self._lanes.get(other.namespace, other.name)
        if lane is None or other.kind != "Kustomization":
            return False
        return not self._lanes.neighbour(lane).current

    def _known(self, lane: Lane, key: ObjectKey) -> Known:
        receipt = lane.memory.receipts.get(key)
        return Known(
            receipt=receipt,
            drifted=key in lane.marks.drifted
            or key in lane.memory.refused
            # Another one applied it last, perhaps before the start: our receipt is older.
            or self._lanes.other_owner(lane, key) is not None
            or (receipt is not None and not self._lanes.trusted(key)),
            exists=True if key in lane.memory.versions else None,
            options=lane.memory.options.get(key),
        )


def _recorded(lane: Lane) -> Inventory:
    """
    Return what is recorded; in a first pass what we know ourselves, too.

    Whoever replaces a Kustomization cannot take its status away, but the annotation.
    """
    return lane.recorded if lane.begun else lane.recorded.union(lane.inventory)
