"""
Which events a pass causes: one per change of state, the same for the same change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.source.core.artifact import SEQUENCE
from services.source.core.declaration import GROUP, KIND
from shared.api import GitRepository
from shared.errors import SetpointError
from shared.messages import Event, InvolvedObject
from shared.model import Revision

CONTROLLER = "source-controller"  # dashboards and receivers switch on it
_EXTRA = "event.toolkit.fluxcd.io/"
_SUBJECT = 50  # characters of a commit's subject, as the reference has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    An event and what makes it another one than the last with its reason.
    """

    event: Event
    occurrence: str


def stored(
    repo: GitRepository, artifact: Mapping[str, object], subject: str, *, now: datetime
) -> Told | None:
    """
    Return the event of a pass that succeeded, if there is anything to tell.
    """
    old = repo.status.artifact
    message = f"stored artifact for commit '{_cut(subject)}'"
    if not subject:
        message = f"stored artifact for revision '{artifact['revision']}'"
    facts = {"revision": str(artifact["revision"]), "digest": str(artifact["digest"])}
    # A sequence that no status recorded is given again, perhaps to another revision.
    place = f"{_sequence(artifact)}/{artifact['revision']}/{artifact['digest']}"
    if old is None or old.digest != artifact["digest"]:
        return _told(repo, "info", "NewArtifact", message, facts, now, place)
    ready = repo.status.condition_set.get("Ready")
    if ready is not None and ready.status == "False":
        return _told(repo, "info", "Succeeded", message, facts, now, place)
    return None


def failed(repo: GitRepository, error: SetpointError, *, now: datetime) -> Told | None:
    """
    Return the event of a failure, unless the status says the same already.
    """
    ready = repo.status.condition_set.get("Ready")
    if ready is not None and (ready.status, ready.reason, ready.message) == (
        "False",
        error.reason,
        error.message,
    ):
        return None
    old = repo.status.artifact
    facts = {"revision": old.revision} if old is not None else {}
    return _told(repo, "error", error.reason, error.message, facts, now, "")


def rewritten(repo: GitRepository, old: Revision, new: Revision, *, now: datetime) -> Told:
    """
    Return the event of a branch that was pushed by force; what it has now is applied all the same.
    """
    message = (
        f"the history of {new.pointer} was rewritten: commit {old.hex} is not among those before "
        f"{new.hex}, which is followed. If nobody meant it, push the old commit back, or pin it in "
        "spec.ref.commit"
    )
    facts = {"revision": str(new), "previousRevision": str(old)}
    event = _event(repo, "info", "HistoryRewritten", message, facts, now)
    artifact = repo.status.artifact
    place = _sequence(artifact.to_json()) if artifact is not None else ""
    return Told(event=event, occurrence=f"{old}/{new}/{place}")


def unchanged(repo: GitRepository, revision: str, *, now: datetime) -> Event:
    """
    Return what tells a person who asked that there was nothing new; for the cluster only.
    """
    message = f"no changes since last reconciliation: observed revision '{revision}'"
    return _event(repo, "trace", "GitOperationSucceeded", message, {}, now)


def _told(
    repo: GitRepository,
    severity: str,
    reason: str,
    message: str,
    facts: Mapping[str, str],
    now: datetime,
    place: str,
) -> Told:
    ready = repo.status.condition_set.get("Ready")
    # A retry starts from the same condition; a second occurrence from a later one.
    since = f"{ready.last_transition}/{ready.reason}" if ready is not None else ""
    return Told(
        event=_event(repo, severity, reason, message, facts, now),
        occurrence=f"{repo.metadata.generation}/{place}/{reason}/{since}",
    )


def _event(
    repo: GitRepository,
    severity: str,
    reason: str,
    message: str,
    facts: Mapping[str, str],
    now: datetime,
) -> Event:
    meta = repo.metadata
    extra = {key: value for key, value in meta.annotations.items() if key.startswith(_EXTRA)}
    return Event(
        involved_object=InvolvedObject(
            api_version=repo.api_version,
            kind=KIND,
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            resource_version=meta.resource_version,
        ),
        severity=severity,
        timestamp=now,
        message=message,
        reason=reason,
        metadata={f"{GROUP}/{key}": value for key, value in facts.items()} | extra,
        reporting_controller=CONTROLLER,
    )


def _sequence(artifact: Mapping[str, object]) -> str:
    metadata = artifact.get("metadata")
    return str(metadata.get(SEQUENCE, "")) if isinstance(metadata, Mapping) else ""


def _cut(subject: str) -> str:
    return subject if len(subject) <= _SUBJECT else subject[:_SUBJECT] + "..."
