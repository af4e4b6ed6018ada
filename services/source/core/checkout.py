"""
What is asked of an origin, and what it answers.
"""

from dataclasses import dataclass, field

from services.source.core.credentials import NONE, Credentials
from services.source.core.location import Location
from services.source.core.reference import Reference
from shared.model import Digest, Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    One look: where, which reference, and what is known already.

    ``known`` is the revision of the artifact that is stored and still fits; empty to fetch anew.
    """

    location: Location
    reference: Reference
    ignore: str
    known: str
    timeout: float
    credentials: Credentials = NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """
    The origin is where it was.
    """

    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """
    The packed tree of a revision, with its index and the first line of the commit's message.
    """

    revision: Revision
    subject: str
    files: int
    digest: Digest
    archive: bytes = field(repr=False)
    index_digest: Digest
    index: bytes = field(repr=False)
