"""
Paths of fields inside an object, in one form for the diff and for ``managedFields``.

A path is a tuple of steps: a field name, an ``Item`` of a keyed list, a ``Member`` of a set, or the
index of an atomic list.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


class Absent(Enum):
    """
    What a lookup answers where there is no field; ``None`` is a value in JSON.
    """

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

# Key fields that the API server fills in when a manifest leaves them out.
KEY_DEFAULTS: Final[Mapping[str, object]] = {"protocol": "TCP"}


@dataclass(frozen=True, slots=True)
class Item:
    """
    One item of a list, named by the values of its merge keys.
    """

    keys: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, item: Mapping[str, Any], names: tuple[str, ...]) -> "Item":
        """
        Name ``item`` by the fields in ``names``.
        """
        return cls(tuple((name, item.get(name, KEY_DEFAULTS.get(name))) for name in sorted(names)))

    def names(self, value: object) -> bool:
        """
        Say whether ``value`` is this item.
        """
        return isinstance(value, Mapping) and all(
            value.get(name, KEY_DEFAULTS.get(name)) == wanted for name, wanted in self.keys
        )

    def __str__(self) -> str:
        # A single merge key or the first of several reads best: [name=c1], [containerPort=80,...].
        return ",".join(f"{name}={value}" for name, value in self.keys)


@dataclass(frozen=True, slots=True)
class Member:
    """
    One member of a list that is a set of scalars.
    """

    value: str | int | float | bool | None

    def __str__(self) -> str:
        return f"={self.value}"


Step = str | int | Item | Member
Path = tuple[Step, ...]


def render(path: Path) -> str:
    """
    Write a path for people: ``spec.template.spec.containers[name=c1].image``.
    """
    text = ""
    for step in path:
        if not isinstance(step, str):
            text += f"[{step}]"
        elif step.replace("-", "").replace("_", "").isalnum():
            text += f".{step}" if text else step
        else:
            text += f"[{step}]"
    return text


def lookup(value: object, path: Path) -> Any:
    """
    Return what lies at a path, or ``ABSENT``.
    """
    current: Any = value
    for step in path:
        current = _step(current, step)
        if current is ABSENT:
            return ABSENT
    return current


def scalars(value: object, at: Path = ()) -> Iterator[tuple[Path, object]]:
    """
    Yield the scalar fields of maps below ``value``; lists count as one field.
    """
    if isinstance(value, Mapping) and value:
        for name, child in value.items():
            yield from scalars(child, (*at, name))
    else:
        yield at, value


def _step(current: Any, step: Step) -> Any:
    match step:
        case str():
            return current.get(step, ABSENT) if isinstance(current, Mapping) else ABSENT
        case int():
            inside = isinstance(current, list) and step < len(current)
            return current[step] if inside else ABSENT
        case Item():
            if not isinstance(current, list):
                return ABSENT
            return next((item for item in current if step.names(item)), ABSENT)
        case Member():
            inside = isinstance(current, list) and step.value in current
            return step.value if inside else ABSENT
