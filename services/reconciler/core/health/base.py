"""
The states of health, their total order, and the reading of conditions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """
    Say whether one object does its job, in the words of kstatus.
    """

    CURRENT = "Current"
    IN_PROGRESS = "InProgress"
    TERMINATING = "Terminating"
    NOT_FOUND = "NotFound"
    UNKNOWN = "Unknown"
    FAILED = "Failed"


# From best to worst: what needs a person most comes last.
ORDER = (
    Status.CURRENT,
    Status.IN_PROGRESS,
    Status.TERMINATING,
    Status.NOT_FOUND,
    Status.UNKNOWN,
    Status.FAILED,
)
_RANK = {status: rank for rank, status in enumerate(ORDER)}


@dataclass(frozen=True, slots=True)
class Health:
    """
    A state with its reason for people.
    """

    status: Status
    message: str = ""

    def __str__(self) -> str:
        return f"{self.status}: {self.message}" if self.message else str(self.status)


def rank(status: Status) -> int:
    """
    Return the place of a state in the total order, the worst last.
    """
    return _RANK[status]


def current(message: str = "") -> Health:
    """
    Say that the object does its job.
    """
    return Health(Status.CURRENT, message)


def in_progress(message: str) -> Health:
    """
    Say what is being waited for.
    """
    return Health(Status.IN_PROGRESS, message)


def failed(message: str) -> Health:
    """
    Say why it will not come by itself.
    """
    return Health(Status.FAILED, message)


def part(obj: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """
    Return the map at a path; an empty one where there is none.
    """
    found: Any = obj
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def maps(holder: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    """
    Return the maps in a list.
    """
    found = holder.get(field)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def number(holder: Mapping[str, Any], field: str, default: int = 0) -> int:
    """
    Return a whole number, or the default.
    """
    found = holder.get(field)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def condition(obj: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    """
    Return a condition of the status; an empty one where there is none.
    """
    conditions = maps(part(obj, "status"), "conditions")
    return next((one for one in conditions if one.get("type") == type_), {})


def said(one: Mapping[str, Any], default: str) -> str:
    """
    Return what a condition says: its message, its reason, or the default.
    """
    return str(one.get("message") or one.get("reason") or default)
