"""What the source says about a new revision."""

from pydantic import Field

from shared.messages.base import Message

_DIGEST = r"^sha256:[0-9a-f]{64}$"


class RevisionAnnounced(Message):
    """
    A source is at a revision, whose artifact is stored under its digest.

    ``sequence`` orders the revisions of one source ``uid``: the higher one is newer.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    # A number that no source ever comes to would hold up each revision after it.
    sequence: int = Field(ge=0, lt=10**18)
    revision: str
    digest: str = Field(pattern=_DIGEST)
    index_digest: str = Field(default="", pattern=rf"^$|{_DIGEST}")
    size: int = 0
    metadata: dict[str, str] = Field(default_factory=dict)
