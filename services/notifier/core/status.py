"""
The statuses of Alert, Provider and Receiver.
"""

from collections.abc import Mapping
from typing import Any

from shared.errors import SetpointError, StalledError
from shared.model import Conditions

READY = "Ready"
STALLED = "Stalled"
RECONCILING = "Reconciling"


def succeeded(old: Conditions, message: str, *, generation: int, now: str) -> Conditions:
    """
    Say that it works.
    """
    return old.without(STALLED, RECONCILING).set(
        READY, "True", "Succeeded", message, generation=generation, now=now
    )


def failed(old: Conditions, error: SetpointError, *, generation: int, now: str) -> Conditions:
    """
    Say what is wrong; Stalled too, if only a change of the object mends it.
    """
    conditions = old.without(STALLED, RECONCILING).set(
        READY, "False", error.reason, error.message, generation=generation, now=now
    )
    if isinstance(error, StalledError):
        conditions = conditions.set(
            STALLED, "True", error.reason, error.message, generation=generation, now=now
        )
    return conditions


def changes(status: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the fields of the status that differ from what is wanted: nothing to write if empty.

    ``None`` stands for a field that is to be removed.
    """
    return {
        key: value
        for key, value in wanted.items()
        if status.get(key) != value and not (value is None and key not in status)
    }
