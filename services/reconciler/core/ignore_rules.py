"""
``spec.ignore``: fields that belong to somebody else. They are neither applied nor seen as drift.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from services.reconciler.core.fields import entries, holds, inner, owned
from services.reconciler.core.manifest import MANAGER, Desired, digest_of
from services.reconciler.core.paths import ABSENT, Path
from services.reconciler.core.selector import SelectorError, selects
from shared.api.kustomization_parts import IgnoreRule

Pointer = tuple[str, ...]


def pointers_for(one: Desired, rules: Iterable[IgnoreRule]) -> tuple[Pointer, ...]:
    """
    Return the fields of this object that the rules name.

    Raises:
        SelectorError: A rule cannot be read.

    """
    return tuple(
        parse_pointer(path) for rule in rules if selects(rule.target, one) for path in rule.paths
    )


def parse_pointer(text: str) -> Pointer:
    """
    Read a JSON pointer.

    Raises:
        SelectorError: It does not begin with a slash, or names the whole object.

    """
    if not text.startswith("/") or text == "/":
        raise SelectorError(
            f"spec.ignore path {text!r} is not a JSON pointer such as /spec/replicas"
        )
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))


def without(one: Desired, pointers: Iterable[Pointer], secret_key: bytes = b"") -> Desired:
    """
    Return the object without ignored fields, for digest, diff and drift.
    """
    pointers = tuple(pointers)
    if not pointers:
        return one
    obj = deepcopy(one.object)
    for pointer in pointers:
        _remove(obj, pointer)
    return replace(one, object=obj, digest=digest_of(obj, secret_key))


def to_send(
    one: Desired,
    pointers: Iterable[Pointer],
    live: Mapping[str, Any] | None,
    manager: str = MANAGER,
) -> dict[str, Any]:
    """
    Return what is sent to the API server.

    A new object gets the declared value. In an existing one the field is left out if somebody else
    owns it; else its live value is sent, since leaving it out would delete it.
    """
    pointers = tuple(pointers)
    if live is None or not pointers:
        return one.object
    obj = deepcopy(one.object)
    for pointer in pointers:
        path, value = _resolve(live, pointer)
        if value is ABSENT or _owned_by_others(live, path, manager):
            _remove(obj, pointer)
        else:
            _put(obj, pointer, value)
    return obj


def _owned_by_others(live: Mapping[str, Any], path: Path, manager: str) -> bool:
    everybody = entries(live)
    granular = frozenset(below for entry in everybody for below in inner(entry.fields))
    return any(
        holds(owned(entry.fields), granular, path)
        for entry in everybody
        if (entry.manager, entry.operation) != (manager, "Apply") and entry.subresource != "status"
    )


def _resolve(live: Mapping[str, Any], pointer: Pointer) -> tuple[Path, Any]:
    """
    Return the live value at a pointer, and its path without items of lists.
    """
    current: Any = live
    path: list[str | int] = []
    for part in pointer:
        if isinstance(current, Mapping):
            current = current.get(part, ABSENT)
            path.append(part)
        elif isinstance(current, list) and part.isdecimal() and int(part) < len(current):
            current = current[int(part)]
            path.append(int(part))
        else:
            return tuple(path), ABSENT
    return tuple(path), current


def _remove(obj: dict[str, Any], pointer: Pointer) -> None:
    holder = _holder(obj, pointer)
    last = pointer[-1]
    if isinstance(holder, dict):
        holder.pop(last, None)
    elif isinstance(holder, list) and last.isdecimal() and int(last) < len(holder):
        del holder[int(last)]


def _put(obj: dict[str, Any], pointer: Pointer, value: Any) -> None:
    holder = _holder(obj, pointer)
    last = pointer[-1]
    if isinstance(holder, dict):
        # A field that nobody declared stays out: we would become its owner.
        if last in holder:
            holder[last] = deepcopy(value)
    elif isinstance(holder, list) and last.isdecimal() and int(last) < len(holder):
        holder[int(last)] = deepcopy(value)


def _holder(obj: dict[str, Any], pointer: Pointer) -> Any:
    current: Any = obj
    for part in pointer[:-1]:
        if isinstance(current, dict):
            current = current.get(part)
        elif isinstance(current, list) and part.isdecimal() and int(part) < len(current):
            current = current[int(part)]
        else:
            return None
    return current
