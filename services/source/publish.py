"""
Publish: store the artifact and read it back, then the status, then the announcement.

The event goes before the status that records it. A crash between any two of these repeats the pass:
the store has the digest already, the event has the same id, the sequence is taken from the status.
"""

from services.source.core import events, status
from services.source.core.artifact import announcement, current, successor
from services.source.core.checkout import Checkout
from services.source.core.declaration import about, lost_while_suspended
from services.source.ports import Announcer, ArtifactStore, Declarations, Json, Reporter
from shared.api import GitRepository
from shared.errors import SetpointError
from shared.model import Revision
from shared.runtime import Clock, point
from shared.runtime.clock import rfc3339


class Publish:
    """
    Writes down what a pass found. Each method returns the object as it then is.
    """

    def __init__(
        self,
        store: ArtifactStore,
        announcer: Announcer,
        declarations: Declarations,
        reporter: Reporter,
        clock: Clock,
        *,
        url: str,
    ) -> None:
        self._store = store
        self._announcer = announcer
        self._declarations = declarations
        self._reporter = reporter
        self._clock = clock
        self._url = url

    async def begin(self, obj: Json) -> Json:
        """
        Say that a pass has begun.
        """
        return await self._write(obj, status.started(GitRepository.read(obj), now=self._now))

    async def put(self, checkout: Checkout) -> None:
        """
        Store the artifact.
        """
        await self._store.put(checkout)
        point("source.stored")

    async def stored(self, obj: Json, checkout: Checkout) -> Json:
        """
        Record an artifact that is in the store.
        """
        repo = GitRepository.read(obj)
        moment = self._clock.now()
        artifact = successor(
            repo, checkout, seconds=int(moment.timestamp()), now=rfc3339(moment), url=self._url
        )
        await self._tell(events.stored(repo, artifact, checkout.subject, now=moment))
        return await self._write(obj, status.succeeded(repo, artifact, now=rfc3339(moment)))

    async def unchanged(self, obj: Json) -> Json:
        """
        Record that the artifact of the status is still the newest.
        """
        repo = GitRepository.read(obj)
        moment = self._clock.now()
        artifact = repo.status.to_json()["artifact"]
        await self._tell(events.stored(repo, artifact, "", now=moment))
        if repo.requested_at != repo.status.last_handled_reconcile_at:
            self._reporter.note(events.unchanged(repo, artifact["revision"], now=moment))
        return await self._write(obj, status.succeeded(repo, artifact, now=rfc3339(moment)))

    async def failed(self, obj: Json, failure: status.Failure) -> Json:
        """
        Record a failure that is tried again.
        """
        repo = GitRepository.read(obj)
        await self._tell(events.failed(repo, failure.error, now=self._clock.now()))
        return await self._write(obj, status.failed(repo, failure, now=self._now))

    async def stalled(self, obj: Json, error: SetpointError) -> Json:
        """
        Record that only a change of the declaration helps.
        """
        repo = about(obj)
        await self._tell(events.failed(repo, error, now=self._clock.now()))
        return await self._write(obj, status.stalled(repo, error, now=self._now))

    async def rewritten(self, obj: Json, old: Revision, new: Revision) -> None:
        """
        Tell that a branch was pushed by force.
        """
        await self._tell(events.rewritten(about(obj), old, new, now=self._clock.now()))

    async def lost(self, obj: Json) -> Json:
        """
        Record that the artifact of a suspended source is gone.
        """
        repo = about(obj)
        error = lost_while_suspended(repo)
        await self._tell(events.failed(repo, error, now=self._clock.now()))
        return await self._write(obj, status.lost(repo, error, now=self._now))

    async def suspended(self, obj: Json) -> Json:
        """
        Record that nothing is done; the artifact stays available.
        """
        repo = GitRepository.read(obj)
        return await self._write(obj, status.suspended(repo))

    async def announce(self, obj: Json) -> None:
        """
        Let the bus know the artifact of the status.
        """
        repo = about(obj)
        artifact = current(repo)
        if artifact is not None:
            await self._announcer.announce(announcement(repo, artifact))
            point("source.announced")

    @property
    def _now(self) -> str:
        return rfc3339(self._clock.now())

    async def _tell(self, told: events.Told | None) -> None:
        if told is not None:
            await self._reporter.tell(told.event, occurrence=told.occurrence)
            point("source.told")

    async def _write(self, obj: Json, patch: Json) -> Json:
        if not status.changes(about(obj), patch):
            return obj
        written = await self._declarations.write_status(obj, patch)
        point("source.status")
        return written
