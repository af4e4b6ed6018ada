"""
Drift for people: which fields, from what to what, by whom, since when. Never a guess.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from services.reconciler.core.diff import Difference, differences
from services.reconciler.core.drift import DriftKind
from services.reconciler.core.fields import Entry, entries, holds, inner, own_entry, owned
from services.reconciler.core.manifest import MANAGER, is_secret, key_of
from services.reconciler.core.masking import MASK, Mask, Shown, is_sensitive, shown
from services.reconciler.core.paths import ABSENT, Absent, Item, Path, lookup, render
from services.reconciler.core.receipt import Receipt, token_time
from shared.model import ObjectKey

UNTRACED = "a client that left no trace"
# The server merges the oldest of more than ten writers into this one.
_MERGED_WRITERS = "ancient-changes"
FIELDS_SHOWN = 20  # of one object; an event has to fit into a message
_NAMED = 3  # fields in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """
    One declared field: ``old`` is what we declare, ``new`` what was found. Ready to be shown.
    """

    path: str
    old: Shown
    new: Shown

    def to_json(self) -> dict[str, Shown]:
        """
        Return the form of the event.
        """
        return {"path": self.path, "from": self.old, "to": self.new}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """
    What happened to one object.

    ``manager`` is empty where nobody can tell; ``since`` is the time of the manager's entry.
    """

    key: ObjectKey
    kind: DriftKind
    fields: tuple[FieldChange, ...] = ()
    manager: str = ""
    since: str = ""
    more: int = 0

    @property
    def who(self) -> str:
        """
        Name the writer, or say that there is no trace of one.
        """
        return self.manager or UNTRACED

    @property
    def names(self) -> str:
        """
        Name the first fields, and say how many more there are.
        """
        names = ", ".join(change.path for change in self.fields[:_NAMED]) or "fields of ours"
        rest = len(self.fields[_NAMED:]) + self.more
        return f"{names} and {rest} more" if rest else names

    def __str__(self) -> str:
        if self.kind is DriftKind.GONE:
            return f"{self.key} was deleted"
        if self.kind is DriftKind.REPLACED:
            by = f" by {self.manager}" if self.manager else ""
            return f"{self.key} was deleted and made again{by}"
        return f"{self.key}: {self.names} changed by {self.who}"


def explain(
    desired: Mapping[str, Any],
    live: Mapping[str, Any] | None,
    receipt: Receipt | None,
    *,
    kind: DriftKind,
    mask: Mask,
    rewritten: frozenset[Path] = frozenset(),
    manager: str = MANAGER,
) -> DriftReport:
    """
    Compare what we declare with what was there before the revert.

    Fields that somebody took and left at our value are told only where nothing differs.

    Args:
        desired: What we declare.
        live: What was there; None if nothing was.
        receipt: Of our last apply.
        kind: What happened to the object.
        mask: Hides values that came from Secrets, wherever they were put.
        rewritten: Fields that an apply does not bring back, so that nobody changed them.
        manager: Ours.

    """
    key = key_of(desired)
    if live is None or kind is DriftKind.GONE:
        return DriftReport(key=key, kind=DriftKind.GONE)
    owners = _Owners.of(live, manager)
    found = differences(desired, live, manager=manager)
    changed = tuple(one for one in found if one.path not in rewritten)
    lost = owners.lost(desired)
    if not changed and kind is DriftKind.CHANGED:
        changed = tuple(
            Difference(path=path, declared=lookup(desired, path), live=lookup(live, path))
            for path in sorted(lost, key=render)
        )
    paths = frozenset(one.path for one in changed) or lost
    who, since = owners.who(paths, token_time(receipt.token) if receipt else "")
    secret = is_secret(desired)
    rows = tuple(_row(one, key, mask, secret=secret) for one in changed[:FIELDS_SHOWN])
    return DriftReport(
        key=key,
        kind=kind,
        fields=rows,
        manager=who,
        since=since,
        more=len(changed) - len(rows),
    )


def changed_within_ours(
    desired: Mapping[str, Any], live: Mapping[str, Any], manager: str = MANAGER
) -> bool:
    """
    Say whether a field is otherwise that nobody took from us: admission may be the reason.
    """
    owners = _Owners.of(live, manager)
    return any(
        holds(owners.ours, owners.granular, one.path)
        for one in differences(desired, live, manager=manager)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owners:
    """
    Who owns which fields of a live object.
    """

    manager: str
    own: Entry | None
    ours: frozenset[Path]
    others: tuple[tuple[Entry, frozenset[Path]], ...]
    granular: frozenset[Path]

    @classmethod
    def of(cls, live: Mapping[str, Any], manager: str) -> Self:
        own = own_entry(live, manager)
        everybody = entries(live)
        return cls(
            manager=manager,
            own=own,
            ours=owned(own.fields) if own else frozenset(),
            others=tuple(
                (one, owned(one.fields))
                for one in everybody
                if one.subresource != "status" and one != own
            ),
            granular=frozenset(path for one in everybody for path in inner(one.fields)),
        )

    def lost(self, desired: Mapping[str, Any]) -> frozenset[Path]:
        """
        Return the values that we declare, others own, and we do not own any more.
        """
        theirs = frozenset[Path]().union(*(paths for _, paths in self.others))
        return frozenset(
            path
            for path in theirs - self.ours - self.granular
            if not isinstance(lookup(desired, path), (Mapping, list, Absent))
        )

    def who(self, paths: frozenset[Path], since: str) -> tuple[str, str]:
        """
        Return the managers that own one of these paths since then, and the time of the latest.
        """
        if self.own is not None and since and self.own.time > since and paths & self.ours:
            # The set may be equal: an applier under our name needs no other field.
            return f"another client as {self.manager}", self.own.time
        found = [
            one
            for one, theirs in self.others
            if any(self._took(one, theirs, path, since) for path in paths)
        ]
        if not found or any(one.manager == _MERGED_WRITERS for one in found):
            return "", ""
        names = sorted({one.manager for one in found})
        return ", ".join(names), max(one.time for one in found)

    def _took(self, one: Entry, theirs: frozenset[Path], path: Path, since: str) -> bool:
        if not holds(theirs, self.granular, path):
            return False
        # The server writes no time for the scale subresource; what we owned and own no more was
        # taken after our apply all the same.
        return one.time >= since if one.time else path not in self.ours


def _row(one: Difference, key: ObjectKey, mask: Mask, *, secret: bool) -> FieldChange:
    path = mask(render(one.path))
    hidden = (secret and bool(one.path) and one.path[0] in {"data", "stringData"}) or is_sensitive(
        path, key.name, *_item_names(one.path)
    )
    if hidden:
        return FieldChange(path=path, old=MASK, new=MASK)
    return FieldChange(path=path, old=_value(one.declared, mask), new=_value(one.live, mask))


def _item_names(path: Path) -> Iterable[str]:
    return (str(value) for step in path if isinstance(step, Item) for _, value in step.keys)


def _value(value: Any, mask: Mask) -> Shown:
    return None if value is ABSENT else shown(value, mask)
