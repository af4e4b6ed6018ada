"""
May this object be deleted? Decided from the live object that was just read.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from services.reconciler.core.options import options_of
from services.reconciler.core.owner import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """
    Delete it, if it is still the one that was read.
    """

    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """
    Leave it; ``settled`` says that it is not ours any more and leaves the inventory.
    """

    reason: str
    settled: bool


@dataclass(frozen=True, slots=True)
class AlreadyGone:
    """
    It is not there: it leaves the inventory.
    """


Decision = Delete | Skip | AlreadyGone


def decide_prune(  # noqa: PLR0911  a ladder of rules
    live: Mapping[str, Any] | None,
    owner: Owner,
    *,
    applied_uids: AbstractSet[str] = frozenset(),
    holds_applied: bool = False,
) -> Decision:
    """
    Decide about one object of the inventory that is no longer declared.

    Args:
        live: As just read; None if the API server confirmed that it is not there.
        owner: Who must be named in its labels.
        applied_uids: Of the objects of this pass: one object may have two names (another group).
        holds_applied: A namespace in which objects of ours are still declared.

    """
    if live is None:
        return AlreadyGone()
    metadata = live.get("metadata") or {}
    uid, version = str(metadata.get("uid") or ""), str(metadata.get("resourceVersion") or "")
    if not (uid and version):
        return Skip(reason="was read without uid or resourceVersion", settled=False)
    if uid in applied_uids:
        return Skip(reason="is the same object as one that was just applied", settled=True)
    if not owner.owns(metadata.get("labels")):
        return Skip(reason=f"its labels do not name {owner} as owner", settled=True)
    options = options_of(live)
    if not options.prune:
        return Skip(reason="prune is disabled on the object", settled=True)
    if options.ignored:
        return Skip(reason="reconciliation is disabled on the object", settled=True)
    if holds_applied:
        return Skip(reason="objects that are still declared live in it", settled=False)
    if metadata.get("deletionTimestamp"):
        return Skip(reason="is being deleted", settled=True)  # that cannot be taken back
    return Delete(uid=uid, resource_version=version)
