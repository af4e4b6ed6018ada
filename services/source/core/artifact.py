"""
``status.artifact``: which artifact a source has, and its place in the order of its revisions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.source.core.checkout import Checkout
from services.source.core.declaration import KIND
from shared.api import GitRepository
from shared.messages import RevisionAnnounced
from shared.model import Digest, Revision

SEQUENCE = "setpoint.dev/sequence"
INDEX = "setpoint.dev/index"  # digest of the index: who reads the status needs no message
# The revision before a push: the write that records the push must not erase what tells of it.
PREVIOUS = "setpoint.dev/previous-revision"
_NEWS = timedelta(hours=1)  # after a push; what nobody could tell until then is no news any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """
    An artifact that this service wrote into the status.
    """

    revision: Revision
    digest: Digest
    index_digest: Digest
    sequence: int
    size: int


def current(repo: GitRepository) -> Current | None:
    """
    Read the artifact of the status; None if there is none, or somebody else wrote it.
    """
    artifact = repo.status.artifact
    if artifact is None or not artifact.metadata.get(SEQUENCE, "").isdigit():
        return None
    try:
        return Current(
            revision=Revision.parse(artifact.revision),
            digest=Digest.parse(artifact.digest),
            index_digest=Digest.parse(artifact.metadata.get(INDEX, "")),
            sequence=int(artifact.metadata[SEQUENCE]),
            size=artifact.size,
        )
    except ValueError:
        return None


def pushed(repo: GitRepository, *, now: datetime) -> tuple[Revision, Revision] | None:
    """
    Return the revisions before and after the push that made the artifact, while that is news.
    """
    artifact, known = repo.status.artifact, current(repo)
    if artifact is None or known is None or PREVIOUS not in artifact.metadata:
        return None
    try:
        old = Revision.parse(artifact.metadata[PREVIOUS])
        age = now - datetime.fromisoformat(artifact.last_update_time)
    except (ValueError, TypeError):  # a time without a zone is none
        return None
    return (old, known.revision) if age < _NEWS else None


def successor(
    repo: GitRepository, checkout: Checkout, *, seconds: int, now: str, url: str
) -> Mapping[str, Any]:
    """
    Return ``status.artifact`` for a checkout.

    The sequence grows by one with each change and begins at the Unix time, so that a source that
    was deleted, or served by another program for a while, never looks older than it was.

    Args:
        repo: The source as it is now.
        checkout: What was fetched.
        seconds: The Unix time.
        now: The same in the API's form.
        url: What the addresses of artifacts begin with.

    """
    old = current(repo)
    same = old is not None and (old.revision, old.digest) == (checkout.revision, checkout.digest)
    artifact = repo.status.artifact
    if same and artifact is not None:
        return artifact.to_json()
    sequence = seconds if old is None else old.sequence + 1
    meta = repo.metadata
    metadata = {SEQUENCE: str(sequence), INDEX: str(checkout.index_digest)}
    if old is not None and _is_push(repo, old.revision, checkout.revision):
        metadata[PREVIOUS] = str(old.revision)
    return {
        "path": f"{KIND.lower()}/{meta.namespace}/{meta.name}/{checkout.revision.hex}.tar.gz",
        "url": f"{url}/sha256/{checkout.digest.hex}.tar.gz",
        "revision": str(checkout.revision),
        "digest": str(checkout.digest),
        "lastUpdateTime": now,
        "size": len(checkout.archive),
        "metadata": metadata,
    }


def _is_push(repo: GitRepository, old: Revision, new: Revision) -> bool:
    # Another address or branch that was declared meanwhile is none.
    same = repo.status.observed_generation == repo.metadata.generation
    return same and old != new and old.pointer == new.pointer


def announcement(repo: GitRepository, artifact: Current) -> RevisionAnnounced:
    """
    Return what the bus hears of an artifact.
    """
    stored = repo.status.artifact
    return RevisionAnnounced(
        kind=KIND,
        namespace=repo.metadata.namespace,
        name=repo.metadata.name,
        uid=repo.metadata.uid,
        sequence=artifact.sequence,
        revision=str(artifact.revision),
        digest=str(artifact.digest),
        index_digest=str(artifact.index_digest),
        size=artifact.size,
        metadata=dict(stored.metadata) if stored is not None else {},
    )
