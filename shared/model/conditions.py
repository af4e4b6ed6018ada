"""
Conditions of a status, and how they change.

The rules of the reference (section 2.4a): one condition per type; ``lastTransitionTime`` moves when
status, reason or message change; stored order is Stalled, Reconciling, Ready, then the others.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

MESSAGE_LIMIT = 32768  # characters; the CRDs refuse longer messages
_FIRST = {"Stalled": 0, "Reconciling": 1, "Ready": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """
    One aspect of an object's state.

    ``status`` is ``True``, ``False`` or ``Unknown``; ``last_transition`` is RFC 3339, in seconds.
    """

    type: str
    status: str
    reason: str
    message: str
    generation: int
    last_transition: str

    def to_json(self) -> dict[str, Any]:
        """
        Return the form of the API.
        """
        return {
            "type": self.type,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": self.generation,
            "lastTransitionTime": self.last_transition,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """
        Read the form of the API; what is missing is empty.
        """
        return cls(
            type=str(data.get("type", "")),
            status=str(data.get("status", "Unknown")),
            reason=str(data.get("reason", "")),
            message=str(data.get("message", "")),
            generation=int(data.get("observedGeneration") or 0),
            last_transition=str(data.get("lastTransitionTime", "")),
        )


@dataclass(frozen=True, slots=True)
class Conditions:
    """
    The conditions of one object; each change returns new ones.
    """

    items: tuple[Condition, ...] = ()

    @classmethod
    def from_json(cls, data: Iterable[Mapping[str, Any]] | None) -> Self:
        """
        Read ``status.conditions``.
        """
        return cls(tuple(Condition.from_json(item) for item in data or ()))

    def get(self, type_: str) -> Condition | None:
        """
        Return the condition of a type, if it is there.
        """
        return next((item for item in self.items if item.type == type_), None)

    def is_true(self, type_: str) -> bool:
        """
        Say whether the condition is there and True.
        """
        found = self.get(type_)
        return found is not None and found.status == "True"

    def set(
        self, type_: str, status: str, reason: str, message: str, *, generation: int, now: str
    ) -> Self:
        """
        Set one condition, keeping its transition time if nothing that people see changed.
        """
        message = message[:MESSAGE_LIMIT]
        old = self.get(type_)
        same = old is not None and (old.status, old.reason, old.message) == (
            status,
            reason,
            message,
        )
        new = Condition(
            type=type_,
            status=status,
            reason=reason,
            message=message,
            generation=generation,
            last_transition=old.last_transition if same and old is not None else now,
        )
        return type(self)(_ordered([*(c for c in self.items if c.type != type_), new]))

    def without(self, *types: str) -> Self:
        """
        Remove conditions; those that are not there do not matter.
        """
        return type(self)(tuple(item for item in self.items if item.type not in types))

    def to_json(self) -> list[dict[str, Any]]:
        """
        Return the form of the API, in the stored order.
        """
        return [item.to_json() for item in self.items]

    def __iter__(self) -> Iterator[Condition]:
        return iter(self.items)


def _ordered(items: Iterable[Condition]) -> tuple[Condition, ...]:
    return tuple(
        sorted(items, key=lambda c: (_FIRST.get(c.type, 3), -c.generation, c.type)),
    )
