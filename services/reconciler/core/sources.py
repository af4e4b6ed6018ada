"""
What is known of the sources, and which word about one is newer (design, section 4).

The truth is ``status.artifact`` of the object; an announcement carries the same and saves a round
trip. Within one uid the higher sequence wins; another uid starts anew, and only the object itself
may bring one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.messages import RevisionAnnounced
from shared.model import Digest

SEQUENCE = "setpoint.dev/sequence"
INDEX = "setpoint.dev/index"
_ORIGIN_REVISION = "org.opencontainers.image.revision"
_DIGITS = 18  # of a sequence; a longer number was never one
_FOREIGN = (
    "the digest of its artifact is no sha256: another program wrote it, and the source service "
    "replaces it at its next look"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    A declared source: where it is, and what it says that should be.

    ``digest`` is empty while the source has no artifact; then ``trouble`` says why, if it does.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    sequence: int = 0
    revision: str = ""
    origin_revision: str = ""
    digest: str = ""
    index_digest: str = ""
    trouble: str = ""


def from_object(obj: Mapping[str, Any]) -> Source:
    """
    Read a source object.
    """
    meta = obj["metadata"]
    status = obj.get("status") or {}
    artifact = status.get("artifact") or {}
    metadata = artifact.get("metadata") or {}
    ready: Mapping[str, Any] = next(
        (c for c in status.get("conditions") or () if c.get("type") == "Ready"), {}
    )
    sequence = str(metadata.get(SEQUENCE, ""))
    trouble = "" if ready.get("status") == "True" else str(ready.get("message", ""))
    digest = str(artifact.get("digest", ""))
    if digest and not _readable(digest):
        digest, trouble = "", _FOREIGN
    return Source(
        kind=str(obj["kind"]),
        namespace=str(meta["namespace"]),
        name=str(meta["name"]),
        uid=str(meta["uid"]),
        sequence=int(sequence) if sequence.isdecimal() and len(sequence) <= _DIGITS else 0,
        revision=str(artifact.get("revision", "")),
        origin_revision=str(metadata.get(_ORIGIN_REVISION, "")),
        digest=digest,
        index_digest=str(metadata.get(INDEX, "")) if digest else "",
        trouble=trouble,
    )


def from_announcement(message: RevisionAnnounced) -> Source:
    """
    Read what source announced.
    """
    return Source(
        kind=message.kind,
        namespace=message.namespace,
        name=message.name,
        uid=message.uid,
        sequence=message.sequence,
        revision=message.revision,
        origin_revision=message.metadata.get(_ORIGIN_REVISION, ""),
        digest=message.digest,
        index_digest=message.index_digest,
    )


def merge_object(known: Source | None, seen: Source) -> Source:
    """
    Take what the object says; keep a newer announcement, or the index of the same artifact.
    """
    if known is None or known.uid != seen.uid:
        return seen
    if seen.sequence < known.sequence:
        return known
    if seen.digest == known.digest:
        return replace(seen, index_digest=seen.index_digest or known.index_digest)
    return seen


def merge_announcement(known: Source | None, seen: Source) -> Source | None:
    """
    Take an announcement if it is newer than what is known of the same object.
    """
    if known is None or known.uid != seen.uid:
        return known
    if seen.sequence > known.sequence:
        return replace(seen, trouble=known.trouble)
    if seen.sequence == known.sequence and seen.digest == known.digest:
        return replace(known, index_digest=seen.index_digest or known.index_digest)
    return known


def _readable(digest: str) -> bool:
    try:
        Digest.parse(digest)
    except ValueError:
        return False
    return True
