"""What the source says about a new revision."""

from pydantic import Field

from shared.messages.base import Message


class RevisionAnnounced(Message):
    """
    A source is at a revision, whose artifact is stored under its digest.

    ``sequence`` orders the revisions of one source ``uid``: the higher one is newer.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    sequence: int
    revision: str
    digest: str
    index_digest: str = ""
    size: int = 0
    metadata: dict[str, str] = Field(default_factory=dict)
