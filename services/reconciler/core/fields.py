"""
Field sets as the API server records them in ``managedFields`` (``fieldsV1``).

Steps are written ``f:<name>``, ``k:{<merge keys>}``, ``v:<set member>``, ``i:<index>``; ``.`` says
that the path itself is in the set, as an empty node does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from services.reconciler.core.paths import Item, Member, Path, Step

FieldSet = Mapping[str, Any]
SELF = "."
_DEEPEST = 100  # steps; no kind nests a third of it, and who writes more tells nothing

# The paths of lists by field names ("*" for an item) with their merge keys.
ListKeys = dict[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One entry of ``managedFields``: who owns which fields, since when.
    """

    manager: str
    operation: str
    time: str
    subresource: str
    fields: FieldSet


def entries(obj: Mapping[str, Any]) -> tuple[Entry, ...]:
    """
    Read ``metadata.managedFields``; entries that are not of the known form are left out.
    """
    found = (obj.get("metadata") or {}).get("managedFields") or ()
    return tuple(
        Entry(
            manager=str(raw.get("manager") or ""),
            operation=str(raw.get("operation") or ""),
            time=str(raw.get("time") or ""),
            subresource=str(raw.get("subresource") or ""),
            fields=raw.get("fieldsV1") or {},
        )
        for raw in found
        if isinstance(raw, Mapping) and isinstance(raw.get("fieldsV1") or {}, Mapping)
    )


def own_entry(obj: Mapping[str, Any], manager: str) -> Entry | None:
    """
    Return the entry of what ``manager`` applied to the object itself.
    """
    return next(
        (
            entry
            for entry in entries(obj)
            if entry.manager == manager and entry.operation == "Apply" and not entry.subresource
        ),
        None,
    )


@lru_cache(maxsize=4096)
def parse_step(text: str) -> Step:
    """
    Read one step; a form that is not known is kept as a field name.
    """
    kind, _, rest = text.partition(":")
    try:
        match kind:
            case "f":
                return rest
            case "k":
                keys = orjson.loads(rest)
                return Item(tuple(sorted(keys.items()))) if _are_keys(keys) else text
            case "v":
                value = orjson.loads(rest)
                return text if isinstance(value, (dict, list)) else Member(value)
            case "i":
                return int(rest)
    except ValueError:
        return text
    return text


def _are_keys(value: object) -> bool:
    return isinstance(value, dict) and not any(isinstance(v, (dict, list)) for v in value.values())


def members(fields: FieldSet, at: Path = ()) -> Iterator[Path]:
    """
    Yield every path that is in the set itself, items of lists included.
    """
    for text, below in fields.items():
        if text == SELF or len(at) > _DEEPEST:
            continue
        path = (*at, parse_step(text))
        if not below or SELF in below:
            yield path
        if below:
            yield from members(below, path)


def owned(fields: FieldSet) -> frozenset[Path]:
    """
    Return the set of paths in the set.
    """
    return frozenset(members(fields))


def inner(fields: FieldSet, at: Path = ()) -> Iterator[Path]:
    """
    Yield the paths below which the set tells fields apart.
    """
    for text, below in fields.items():
        if text != SELF and len(at) <= _DEEPEST and any(name != SELF for name in below):
            path = (*at, parse_step(text))
            yield path
            yield from inner(below, path)


def holds(members: frozenset[Path], granular: frozenset[Path], path: Path) -> bool:
    """
    Say whether a set has the path itself, or a value that holds it as a whole.

    Args:
        members: Of the set.
        granular: Paths below which anybody's set tells fields apart: owning one of them is owning
            the empty map or list, not what is in it.
        path: Of a field.

    """
    if path in members:
        return True
    above = (path[:n] for n in range(1, len(path)))
    return any(prefix in members and prefix not in granular for prefix in above)


def subtract(fields: FieldSet, other: FieldSet, depth: int = 0) -> dict[str, Any]:
    """
    Return ``fields`` without the paths that ``other`` has, or below which it has some.

    The map or list itself goes with the first field in it: who owns the fields needs no other
    owner of the empty rest.
    """
    left: dict[str, Any] = {}
    for text, below in fields.items():
        if text == SELF or text not in other or depth > _DEEPEST:
            left[text] = below
        else:
            rest = subtract({k: v for k, v in below.items() if k != SELF}, other[text], depth + 1)
            if rest:
                left[text] = rest
    return left


def list_keys(fields: FieldSet, at: tuple[str, ...] = ()) -> ListKeys:
    """
    Learn from a set which lists are keyed, and by which fields.
    """
    found: ListKeys = {}
    for text, below in fields.items():
        if text == SELF or len(at) > _DEEPEST:
            continue
        step = parse_step(text)
        if isinstance(step, Item):
            found.setdefault(at, tuple(name for name, _ in step.keys))
        elif isinstance(step, Member):
            found.setdefault(at, ())
        name = step if isinstance(step, str) else "*"
        if below:
            found.update(list_keys(below, (*at, name)))
    return found
