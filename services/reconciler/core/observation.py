"""
What is kept of an object that a watch shows: about 300 bytes, whatever the object's size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.reconciler.core.health import Status, compute
from services.reconciler.core.options import DEFAULT, ObjectOptions, options_of
from services.reconciler.core.owner import Owner
from services.reconciler.core.pause import PAUSED_UNTIL
from services.reconciler.core.recall import touched_after
from services.reconciler.core.receipt import token_of

MESSAGE_CHARACTERS = 120  # of a health message; the object itself has the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """
    One object as a watch, a list or a response showed it.

    ``paused`` is the value of the annotation as it stands; ``touched`` is the time of our last
    change, if others have changed the object since.
    """

    uid: str
    resource_version: str
    token: str
    generation: int
    health: Status = Status.CURRENT
    message: str = ""
    owner_ok: bool = True
    paused: str = ""
    touched: str = ""
    terminating: bool = False
    options: ObjectOptions = DEFAULT

    def __repr__(self) -> str:
        return f"Observed(uid {self.uid}, resourceVersion {self.resource_version}, {self.token})"


def observe(obj: Mapping[str, Any], owner: Owner, *, now: datetime | None = None) -> Observed:
    """
    Reduce a full object, or one of which only the metadata are known.

    Args:
        obj: As the API server sent it.
        owner: Whose labels the object should carry.
        now: For the rules of health that know an object's age.

    """
    metadata = obj.get("metadata") or {}
    health = compute(obj, now=now)
    return Observed(
        uid=str(metadata.get("uid") or ""),
        resource_version=str(metadata.get("resourceVersion") or ""),
        token=token_of(obj),
        generation=int(metadata.get("generation") or 0),
        health=health.status,
        message=health.message[:MESSAGE_CHARACTERS],
        owner_ok=owner.owns(metadata.get("labels")),
        paused=str((metadata.get("annotations") or {}).get(PAUSED_UNTIL) or ""),
        touched=touched_after(obj),
        terminating=bool(metadata.get("deletionTimestamp")),
        options=options_of(obj),
    )
