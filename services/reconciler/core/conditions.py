"""
The status of a Kustomization: each function takes one and returns the next.

A status is plain JSON, as read; fields that are not ours stay. ``merge_patch`` tells what is to be
written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.reconciler.core import messages
from services.reconciler.core.dependencies import SourceState
from services.reconciler.core.inventory import Inventory
from shared.model import Conditions

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
HEALTHY = "Healthy"
DRIFTED = "Drifted"

PROGRESSING = "Progressing"
RETRYING = "ProgressingWithRetry"
SUCCEEDED = "ReconciliationSucceeded"
FAILED = "ReconciliationFailed"
ARTIFACT_FAILED = "ArtifactFailed"
BUILD_FAILED = "BuildFailed"
PRUNE_FAILED = "PruneFailed"
HEALTH_FAILED = "HealthCheckFailed"
DEPENDENCY_NOT_READY = "DependencyNotReady"
ACCESS_DENIED = "AccessDenied"
EMPTY = "EmptyDesiredState"
NOT_SUPPORTED = "NotSupported"

Status = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """
    When a status is written, and of which generation it speaks.
    """

    generation: int
    now: str


def progressing(status: Status, at: At, message: str) -> dict[str, Any]:
    """
    Say that a pass is under way.
    """
    found = _conditions(status).without(STALLED)
    found = _set(found, at, READY, "Unknown", PROGRESSING, messages.PROGRESSING)
    return _with(status, _set(found, at, RECONCILING, "True", PROGRESSING, message))


def succeeded(
    status: Status, at: At, *, revision: str, origin_revision: str = "", drifted: int = 0
) -> dict[str, Any]:
    """
    Say that everything is applied, and healthy where that is asked for.
    """
    found = _conditions(status).without(STALLED, RECONCILING)
    text = messages.applied(revision, drifted)
    new = _with(status, _set(found, at, READY, "True", SUCCEEDED, text))
    new["observedGeneration"] = at.generation
    new["lastAppliedRevision"] = revision
    new.pop("lastAppliedOriginRevision", None)
    if origin_revision:
        new["lastAppliedOriginRevision"] = origin_revision
    return new


def failed(
    status: Status, at: At, reason: str, message: str, *, running: bool = True
) -> dict[str, Any]:
    """
    Say why a pass failed that will be tried again.

    Args:
        status: As it is.
        at: Now.
        reason: Of Ready.
        message: Of Ready.
        running: The pass had begun its work; failures before that (source, dependency) add no
            Reconciling, they only change one that is there.

    """
    found = _conditions(status).without(STALLED)
    found = _set(found, at, READY, "False", reason, message)
    old = found.get(RECONCILING)
    if old is not None or running:
        text = old.message if old is not None else messages.PROGRESSING
        found = _set(found, at, RECONCILING, "True", RETRYING, text)
    return _with(status, found)


def stalled(
    status: Status, at: At, reason: str, message: str, *, observed: bool = True
) -> dict[str, Any]:
    """
    Say that only a change of the declaration helps.

    Args:
        status: As it is.
        at: Now.
        reason: Of Ready and Stalled.
        message: Of both.
        observed: Whether clients may stop waiting; the reference does not let them for
            AccessDenied.

    """
    found = _conditions(status).without(RECONCILING)
    found = _set(found, at, READY, "False", reason, message)
    new = _with(status, _set(found, at, STALLED, "True", reason, message))
    if observed:
        new["observedGeneration"] = at.generation
    return new


def suspended(status: Status, at: At) -> dict[str, Any]:
    """
    Close the status of a suspended object: no work, but it must not look stale.
    """
    found = _conditions(status)
    if not found.is_true(READY):
        return dict(status)
    new = _with(status, found.without(RECONCILING))
    new["observedGeneration"] = at.generation
    return new


def checking_health(status: Status, at: At, message: str) -> dict[str, Any]:
    """
    Say that health is awaited.
    """
    new = progressing(status, at, message)
    found = _conditions(new)
    return _with(new, _set(found, at, HEALTHY, "Unknown", PROGRESSING, message))


def healthy(status: Status, at: At, seconds: float) -> dict[str, Any]:
    """
    Say that all checked objects do their job; the time of the first such check stays.
    """
    found = _conditions(status)
    if found.is_true(HEALTHY):
        return dict(status)
    text = messages.health_passed(seconds)
    return _with(status, _set(found, at, HEALTHY, "True", "Succeeded", text))


def unhealthy(status: Status, at: At, *, message: str, tail: str) -> dict[str, Any]:
    """
    Say that health failed: ``message`` for Ready, ``tail`` for Healthy.
    """
    new = failed(status, at, HEALTH_FAILED, message)
    found = _set(_conditions(new), at, HEALTHY, "False", HEALTH_FAILED, tail)
    return _with(new, found)


def without_health(status: Status) -> dict[str, Any]:
    """
    Forget health where nobody asks for it any more.
    """
    return _with(status, _conditions(status).without(HEALTHY))


def handled(status: Status, requested_at: str) -> dict[str, Any]:
    """
    Answer a request to look now.
    """
    return {**status, "lastHandledReconcileAt": requested_at} if requested_at else dict(status)


def attempted(status: Status, revision: str, source: SourceState | None) -> dict[str, Any]:
    """
    Record which state of the source a pass works on.
    """
    new = {**status, "lastAttemptedRevision": revision}
    if source is not None and source.sequence:
        new["lastAttempted"] = {"sourceUID": source.uid, "sequence": source.sequence}
    return new


def rendered(status: Status, digest: str) -> dict[str, Any]:
    """
    Record which artifact was rendered: what is healed while a newer one cannot be.
    """
    return {**status, "lastRenderedDigest": digest}


def with_inventory(status: Status, inventory: Inventory) -> dict[str, Any]:
    """
    Record the inventory; an empty one too, since it says that something was applied before.
    """
    return {**status, "inventory": inventory.to_json()}


def attempted_source(status: Status) -> SourceState | None:
    """
    Return the state of the source that was recorded last.
    """
    recorded = status.get("lastAttempted")
    if not isinstance(recorded, Mapping):
        return None
    return SourceState(
        uid=str(recorded.get("sourceUID") or ""),
        sequence=int(recorded.get("sequence") or 0),
        digest="",
    )


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return the merge patch that makes ``new`` of ``old``; None if nothing is to be written.
    """
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if name in old and before == value:
            continue
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            patch[name] = merge_patch(before, value) or {}
        else:
            patch[name] = value
    return patch or None


def _conditions(status: Status) -> Conditions:
    return Conditions.from_json(status.get("conditions"))


def _with(status: Status, conditions: Conditions) -> dict[str, Any]:
    return {**status, "conditions": conditions.to_json()}


def _set(
    found: Conditions, at: At, type_: str, value: str, reason: str, message: str
) -> Conditions:
    return found.set(type_, value, reason, message, generation=at.generation, now=at.now)
