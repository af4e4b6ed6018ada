"""
The world as the source needs it: five roles, each behind its adapter and its fake.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from services.source.core.checkout import Checkout, Question, Unchanged
from shared.messages import Event, RevisionAnnounced
from shared.model import Digest, Revision

Json = dict[str, Any]


class Origin(Protocol):
    """
    The upstream repositories.
    """

    async def look(self, question: Question) -> Unchanged | Checkout:
        """
        Ask for the head, and fetch it if it is not the known one.
        """

    async def descends(self, question: Question, head: Revision) -> bool:
        """
        Say whether ``question.known`` is among the commits before ``head``; True if nobody can say.
        """


class ArtifactStore(Protocol):
    """
    Immutable artifacts by digest, where everybody reads them, and a copy of the last on disk.
    """

    async def put(self, checkout: Checkout) -> None:
        """
        Store archive and index and read back that they are there.
        """

    async def ensure(self, digest: Digest, *, deep: bool = False) -> bool:
        """
        Say whether the artifact is there, after putting it back from disk if it was not.

        ``deep`` reads all of it to know; else names and sizes count.
        """

    async def names(self) -> list[str]:
        """
        Name everything that is stored.
        """

    async def remove(self, digest: Digest) -> None:
        """
        Delete an artifact and its index.
        """

    async def keep(self, digests: frozenset[Digest]) -> None:
        """
        Say which artifacts are in use; the disk forgets the others, and leftovers of writes go.
        """


class Announcer(Protocol):
    """
    Who tells the bus about revisions.
    """

    async def announce(self, revision: RevisionAnnounced) -> None:
        """
        Make this the last word about the source, unless it is already.
        """

    async def announced(self) -> list[tuple[str, str]]:
        """
        Name the sources (namespace, name) that the bus has a word about.
        """

    async def withdraw(self, namespace: str, name: str) -> None:
        """
        Take back what was said about a source.
        """


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    All declared sources.
    """

    objects: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """
    A source as it is now.
    """

    object: Json


@dataclass(frozen=True, slots=True)
class Gone:
    """
    A source that is not there any more.
    """

    object: Json


Notice = Snapshot | Seen | Gone


class Declarations(Protocol):
    """
    The declared sources. Every write is fenced by the Lease and by the version that was read.
    """

    def watch(self) -> AsyncGenerator[Notice, None]:
        """
        Follow all sources for ever, beginning with a snapshot.
        """

    async def read(self, namespace: str, name: str) -> Json | None:
        """
        Read a source, None if it is not there.
        """

    async def write_status(self, obj: Json, patch: Json) -> Json:
        """
        Merge a patch into the status, only if ``obj`` is still the newest version.
        """

    async def set_finalizer(self, obj: Json, *, present: bool) -> Json:
        """
        Add or remove our finalizer, only if ``obj`` is still the newest version.
        """

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """
        Read a Secret's values, None if it is not there.
        """


class Reporter(Protocol):
    """
    Where events go: durably to the bus, and for people to the cluster.
    """

    async def tell(self, event: Event, *, occurrence: str) -> None:
        """
        Accept an event durably, before the write that erases its cause; also a Kubernetes Event.

        Raises:
            WaitingError: Another process has the Lease.

        """

    def note(self, event: Event) -> None:
        """
        Write a Kubernetes Event only, when there is time.
        """
