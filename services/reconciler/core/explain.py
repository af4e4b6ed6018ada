"""
Drift for people: which fields, from what to what, by whom, since when. Never a guess.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.reconciler.core.diff import Difference, differences
from services.reconciler.core.drift import DriftKind
from services.reconciler.core.fields import Entry, entries, own_entry, owned, owns
from services.reconciler.core.manifest import MANAGER, is_secret, key_of
from services.reconciler.core.masking import MASK, Shown, is_sensitive, shown
from services.reconciler.core.paths import ABSENT, Item, Path, lookup, render
from services.reconciler.core.receipt import Receipt, token_time
from shared.model import ObjectKey

UNTRACED = "removed or deleted by a client that left no trace"
# The server merges the oldest of more than ten writers into this one.
_MERGED_WRITERS = "ancient-changes"
FIELDS_SHOWN = 20  # of one object; an event has to fit into a message


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

    def __str__(self) -> str:
        if self.kind is DriftKind.GONE:
            return f"{self.key} was deleted"
        if self.kind is DriftKind.REPLACED:
            return f"{self.key} was replaced by another object of the same name"
        names = ", ".join(change.path for change in self.fields) or "fields of ours"
        rest = f" and {self.more} more" if self.more else ""
        return f"{self.key}: {names}{rest} changed ({self.who})"


def explain(
    desired: Mapping[str, Any],
    live: Mapping[str, Any] | None,
    receipt: Receipt | None,
    *,
    kind: DriftKind,
    manager: str = MANAGER,
) -> DriftReport:
    """
    Compare what we declare with what was there before the revert.
    """
    key = key_of(desired)
    if live is None or kind is DriftKind.GONE:
        return DriftReport(key=key, kind=DriftKind.GONE)
    changed = differences(desired, live, manager=manager)
    lost = _lost(desired, live, manager)
    if not changed:
        # Somebody took fields and left our values in them.
        changed = tuple(_unchanged(desired, live, path) for path in sorted(lost, key=render))
    who, since = _who(_paths(changed, lost), live, receipt, manager)
    secret = is_secret(desired)
    rows = tuple(_row(one, key, secret=secret) for one in changed[:FIELDS_SHOWN])
    return DriftReport(
        key=key,
        kind=kind,
        fields=rows,
        manager=who,
        since=since,
        more=len(changed) - len(rows),
    )


def _lost(desired: Mapping[str, Any], live: Mapping[str, Any], manager: str) -> frozenset[Path]:
    """
    Return the paths of others that we declare and do not own any more.
    """
    entry = own_entry(live, manager)
    ours = owned(entry.fields) if entry else frozenset()
    others = frozenset[Path]().union(
        *(owned(one.fields) for one in _writers(live, manager)),
    )
    return frozenset(
        path
        for path in others - ours
        if lookup(desired, path) is not ABSENT and not isinstance(lookup(desired, path), Mapping)
    )


def _writers(live: Mapping[str, Any], manager: str) -> Iterable[Entry]:
    return (
        one
        for one in entries(live)
        if one.subresource != "status"
        and not (one.manager == manager and one.operation == "Apply" and not one.subresource)
    )


def _unchanged(desired: Mapping[str, Any], live: Mapping[str, Any], path: Path) -> Difference:
    return Difference(path=path, declared=lookup(desired, path), live=lookup(live, path))


def _paths(changed: tuple[Difference, ...], lost: frozenset[Path]) -> frozenset[Path]:
    paths = frozenset(one.path for one in changed)
    return paths | {path for path in lost if any(path[: len(p)] == p for p in paths)}


def _who(
    paths: frozenset[Path], live: Mapping[str, Any], receipt: Receipt | None, manager: str
) -> tuple[str, str]:
    since = token_time(receipt.token) if receipt else ""
    own = own_entry(live, manager)
    if own is not None and receipt is not None and own.time > since and paths & owned(own.fields):
        # The set may be equal: an applier under our name needs no other field.
        return f"another client as {manager}", own.time
    found = [
        one
        for one in _writers(live, manager)
        if one.time >= since and any(owns(one.fields, path) for path in paths)
    ]
    if not found or any(one.manager == _MERGED_WRITERS for one in found):
        return "", ""
    names = sorted({one.manager for one in found})
    return ", ".join(names), max(one.time for one in found)


def _row(one: Difference, key: ObjectKey, *, secret: bool) -> FieldChange:
    path = render(one.path)
    hidden = (secret and bool(one.path) and one.path[0] in {"data", "stringData"}) or is_sensitive(
        path, key.name, *_item_names(one.path)
    )
    if hidden:
        return FieldChange(path=path, old=MASK, new=MASK)
    return FieldChange(path=path, old=_value(one.declared), new=_value(one.live))


def _item_names(path: Path) -> Iterable[str]:
    return (str(value) for step in path if isinstance(step, Item) for _, value in step.keys)


def _value(value: Any) -> Shown:
    return None if value is ABSENT else shown(value)
