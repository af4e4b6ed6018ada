"""
Whether the parts of an object that we read ourselves have the form of the API.

The API server checks all the rest; these would else be misread before it sees them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_MAPS = (("metadata", "labels"), ("metadata", "annotations"))
_SECRET_MAPS = (("data",), ("stringData",))


def misshapen(obj: Mapping[str, Any]) -> str:
    """
    Say what is wrong with the form of an object; empty if nothing is.
    """
    for path in _paths(obj):
        found: Any = obj
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        if found is not None and not isinstance(found, Mapping):
            return f"{'.'.join(path)} is {_word(found)} and no map; write `key: value` lines"
    return ""


def _paths(obj: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    yield from _MAPS
    if (obj.get("apiVersion"), obj.get("kind")) == ("v1", "Secret"):
        yield from _SECRET_MAPS


def _word(found: object) -> str:
    # The value itself may be a secret.
    if isinstance(found, list):
        return "a list"
    return "a text" if isinstance(found, str) else "a number or a truth value"
