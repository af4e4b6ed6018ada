"""
Revisions on the bus: the last word about each source.
"""

from services.source.core.declaration import KIND
from shared.bus import Bus
from shared.errors import MalformedError
from shared.messages import Envelope, RevisionAnnounced, UnknownVersion, payload_as, subjects
from shared.runtime import Clock

PUBLISH_TIMEOUT = 5.0  # seconds; nobody waits for it, and a busy disk must not cause a retry


class BusAnnouncer:
    """
    The port ``Announcer`` on JetStream.
    """

    def __init__(self, bus: Bus, *, cluster: str, clock: Clock) -> None:
        self._bus = bus
        self._cluster = cluster
        self._clock = clock

    async def announce(self, revision: RevisionAnnounced) -> None:
        """
        Make this the last word about the source, unless it is already.
        """
        subject = self._subject(revision.namespace, revision.name)
        before = await self._last(subject)
        if before == revision:
            return
        # The same words may have been lost since: an id of the moment is never taken for a repeat.
        now = self._clock.now()
        envelope = Envelope(
            id=f"{revision.uid}/{revision.sequence}/{revision.digest}/{now.timestamp():.6f}",
            time=now,
            subject=subject,
            payload=revision.model_dump(mode="json"),
        )
        await self._bus.publish(subject, envelope, timeout=PUBLISH_TIMEOUT)

    async def announced(self) -> list[tuple[str, str]]:
        """
        Name the sources (namespace, name) that the bus has a word about.
        """
        everything = f"revisions.{self._cluster}.{KIND}.>"
        found = []
        async for received in self._bus.read(subjects.REVISIONS, everything):
            at = subjects.parse_revision(received.subject)
            found.append((at.namespace, at.name))
        return found

    async def withdraw(self, namespace: str, name: str) -> None:
        """
        Take back what was said about a source.
        """
        await self._bus.purge(subjects.REVISIONS, self._subject(namespace, name))

    async def _last(self, subject: str) -> RevisionAnnounced | None:
        try:
            for received in await self._bus.last(subjects.REVISIONS, subject):
                return payload_as(received.envelope, RevisionAnnounced)
        except (MalformedError, UnknownVersion):
            return None
        return None

    def _subject(self, namespace: str, name: str) -> str:
        return subjects.revision(self._cluster, KIND, namespace, name)
