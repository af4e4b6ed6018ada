"""
Make a receipt again that was lost, where the live object itself proves what it said.

The answer to an apply of ours can be lost, and the process can die before it keeps it. What the
API server has recorded tells what we owned then, and who took which field of it afterwards.
"""

from collections.abc import Mapping
from typing import Any

from services.reconciler.core.diff import differences, rewritten
from services.reconciler.core.fields import Entry, entries, holds, own_entry, owned
from services.reconciler.core.manifest import MANAGER, Desired
from services.reconciler.core.paths import Path
from services.reconciler.core.receipt import Receipt, token_of, token_set, token_time


def touched_after(obj: Mapping[str, Any], manager: str = MANAGER) -> str:
    """
    Return the time of our last change of an object that others have changed since; else nothing.
    """
    own = own_entry(obj, manager)
    if own is None or not own.time:
        return ""
    return own.time if any(_since(one, own) for one in entries(obj)) else ""


def unanswered(receipt: Receipt | None, time: str) -> bool:
    """
    Say whether the receipt is older than our last change of the object, which was at ``time``.
    """
    return bool(time) and (receipt is None or time > token_time(receipt.token))


def recalled(
    wanted: Desired,
    live: Mapping[str, Any],
    answer: Mapping[str, Any],
    *,
    concluded: bool,
    manager: str = MANAGER,
) -> Receipt | None:
    """
    Return the receipt of an apply of ``wanted``, if there was one and somebody took fields since.

    It has to show: all but the fields that we do not own any more is as we declare it, and those
    were taken since our last change, unless a pass has recorded that it applied just this. Our last
    change may also have been of a content without those fields, where nobody has recorded it;
    nobody is accused falsely by that, as who owns a field did set it.

    Args:
        wanted: What we declare.
        live: What is there.
        answer: Of the API server, to an apply of ``wanted`` that changes nothing.
        concluded: Whether the status records that just this was applied.
        manager: Ours.

    """
    own, then = own_entry(live, manager), own_entry(answer, manager)
    if own is None or then is None:
        return None
    ours, all_of_ours = owned(own.fields), owned(then.fields)
    lost = all_of_ours - ours
    if not lost or ours - all_of_ours:
        return None
    if not concluded and not lost <= _taken(live, own):
        return None
    untouched = rewritten(wanted.object, live, answer)
    changed = {one.path for one in differences(wanted.object, live)} - untouched
    if not all(holds(lost, frozenset(), path) for path in changed):
        return None
    metadata = live["metadata"]
    return Receipt(
        uid=str(metadata["uid"]),
        desired_digest=wanted.digest,
        token=f"{token_set(token_of(answer, manager))}@{own.time}",
        generation=int(metadata.get("generation") or 0),
        resource_version="",
    )


def _taken(live: Mapping[str, Any], own: Entry) -> frozenset[Path]:
    others = (owned(one.fields) for one in entries(live) if one.time and _since(one, own))
    return frozenset[Path]().union(*others)


def _since(one: Entry, own: Entry) -> bool:
    """
    Say whether another client may have changed the object after we did.
    """
    # The server writes no time for the scale subresource.
    return one != own and one.subresource != "status" and (not one.time or one.time >= own.time)
