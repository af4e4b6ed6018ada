"""
The status after a pass, as the reference has it (sections 1.7a and 2.4a).

Each function returns a merge patch for ``status``: ``None`` removes a field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.api import GitRepository
from shared.errors import SetpointError, StalledError
from shared.model import Conditions

Json = dict[str, Any]

READY, RECONCILING, STALLED = "Ready", "Reconciling", "Stalled"
IN_STORAGE, OUTDATED = "ArtifactInStorage", "ArtifactOutdated"
FETCH_FAILED, STORAGE_FAILED = "FetchFailed", "StorageOperationFailed"
_FAILURES = (FETCH_FAILED, STORAGE_FAILED, OUTDATED, "IncludeUnavailable", "BuildFailed")
# What other programs may have left, about things that this service refuses to do.
_FOREIGN = ("SourceVerified",)
_IN_PROGRESS = "reconciliation in progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """
    A pass that did not succeed: which condition says so, and the revision that was not reached.
    """

    condition: str
    error: SetpointError
    head: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """
    A declaration that cannot work until somebody changes it.
    """

    error: StalledError


def started(repo: GitRepository, *, now: str) -> Json:
    """
    Return what says that a pass is under way, where somebody waits for it.
    """
    seen, wanted = repo.status.observed_generation, repo.metadata.generation
    message = _IN_PROGRESS
    if seen != wanted:
        message = f"processing object: new generation {seen} -> {wanted}"
    conditions = _set(
        repo, _conditions(repo).without(STALLED), RECONCILING, "True", "Progressing", message, now
    )
    ready = conditions.get(READY)
    if ready is None or ready.status == "Unknown":
        waiting = _IN_PROGRESS if repo.status.artifact else "building artifact"
        conditions = _set(repo, conditions, READY, "Unknown", "Progressing", waiting, now)
    return {"conditions": conditions.to_json()}


def succeeded(repo: GitRepository, artifact: Mapping[str, Any], *, now: str) -> Json:
    """
    Return the status of a source whose artifact is stored.
    """
    message = f"stored artifact for revision '{artifact['revision']}'"
    conditions = _conditions(repo).without(*_FAILURES, *_FOREIGN, RECONCILING, STALLED)
    for type_ in (READY, IN_STORAGE):
        conditions = _set(repo, conditions, type_, "True", "Succeeded", message, now)
    return _closed(repo, conditions) | {
        "artifact": dict(artifact),
        "observedGeneration": repo.metadata.generation,
        "observedIgnore": repo.spec.ignore or None,
        "sourceVerificationMode": None,
    }


def failed(repo: GitRepository, failure: Failure, *, now: str) -> Json:
    """
    Return the status after a failure that is tried again; the old artifact stays.
    """
    error = failure.error
    conditions = _conditions(repo).without(*_FAILURES, *_FOREIGN, STALLED)
    running = conditions.get(RECONCILING)
    doing = running.message if running is not None else _IN_PROGRESS
    old = repo.status.artifact
    if old is None:
        conditions = conditions.without(IN_STORAGE)
    elif failure.head and failure.head != old.revision:
        conditions = _set(
            repo,
            conditions,
            OUTDATED,
            "True",
            "NewRevision",
            f"new upstream revision '{failure.head}'",
            now,
        )
    for type_, status in ((failure.condition, "True"), (READY, "False")):
        conditions = _set(repo, conditions, type_, status, error.reason, error.message, now)
    conditions = _set(repo, conditions, RECONCILING, "True", "ProgressingWithRetry", doing, now)
    return _closed(repo, conditions)


def stalled(repo: GitRepository, error: SetpointError, *, now: str) -> Json:
    """
    Return the status of a declaration that cannot work until somebody changes it.
    """
    conditions = _conditions(repo).without(*_FAILURES, *_FOREIGN, RECONCILING)
    marks = [(STALLED, "True"), (READY, "False")]
    if error.reason == "URLInvalid":
        marks.append((FETCH_FAILED, "True"))
    for type_, status in marks:
        conditions = _set(repo, conditions, type_, status, error.reason, error.message, now)
    return _closed(repo, conditions) | {"observedGeneration": repo.metadata.generation}


def suspended(repo: GitRepository) -> Json:
    """
    Return the status of a source that is not looked at.
    """
    conditions = _conditions(repo)
    if conditions.is_true(READY):
        conditions = conditions.without(RECONCILING)
    return _closed(repo, conditions) | {"observedGeneration": repo.metadata.generation}


def lost(repo: GitRepository, error: SetpointError, *, now: str) -> Json:
    """
    Return the status of a suspended source whose artifact nobody has any more.
    """
    conditions = _conditions(repo).without(*_FAILURES, IN_STORAGE, RECONCILING)
    for type_, state in ((STORAGE_FAILED, "True"), (READY, "False")):
        conditions = _set(repo, conditions, type_, state, error.reason, error.message, now)
    return _closed(repo, conditions) | {"observedGeneration": repo.metadata.generation}


def changes(repo: GitRepository, patch: Json) -> bool:
    """
    Say whether a patch would change anything.
    """
    now = repo.status.to_json()
    return any((now.get(key) or None) != (value or None) for key, value in patch.items())


def _conditions(repo: GitRepository) -> Conditions:
    return repo.status.condition_set


def _set(
    repo: GitRepository,
    conditions: Conditions,
    type_: str,
    status: str,
    reason: str,
    message: str,
    now: str,
) -> Conditions:
    return conditions.set(
        type_, status, reason, message, generation=repo.metadata.generation, now=now
    )


def _closed(repo: GitRepository, conditions: Conditions) -> Json:
    patch: Json = {"conditions": conditions.to_json()}
    if repo.requested_at:
        patch["lastHandledReconcileAt"] = repo.requested_at
    return patch
