"""
Collect: delete what nobody refers to any more, take back words about sources that are gone.

Runs only while all sources are known: a listing that is missing or old deletes nothing.
"""

from collections.abc import Callable, Collection

from services.source.core.retention import Retention
from services.source.ports import Announcer, ArtifactStore
from shared.errors import SetpointError
from shared.model import Digest
from shared.runtime import Clock, logs

# Seconds from the start to the first look: who dies every minute has to get there, too.
FIRST = 5.0
PERIOD = 60.0  # seconds between two looks
log = logs.get()


class Collect:
    """
    The housekeeping of artifacts and announcements.

    Args:
        store: Where the artifacts are.
        announcer: Who knows what was announced.
        clock: Tells how long something was unreferenced.
        retention: How long it then stays.

    """

    def __init__(
        self, store: ArtifactStore, announcer: Announcer, clock: Clock, retention: Retention
    ) -> None:
        self._store = store
        self._announcer = announcer
        self._clock = clock
        self._retention = retention

    async def run(self, referenced: Callable[[], "Known | None"]) -> None:
        """
        Look for ever; ``referenced`` answers None while not all sources are known.
        """
        pause = FIRST
        while True:
            await self._clock.sleep(pause)
            pause = PERIOD
            known = referenced()
            if known is None:
                continue
            try:
                await self.once(*known)
            except SetpointError as exc:
                log.info("nothing collected", reason=exc.reason, error=exc.message)

    async def once(self, sources: Collection[tuple[str, str]], digests: frozenset[Digest]) -> None:
        """
        Look once.
        """
        names = await self._store.names()
        for digest in self._retention.expired(names, digests, now=self._clock.monotonic()):
            await self._store.remove(digest)
            log.info("artifact deleted", digest=str(digest))
        await self._store.keep(digests)
        for namespace, name in await self._announcer.announced():
            if (namespace, name) not in sources:
                await self._announcer.withdraw(namespace, name)


Known = tuple[Collection[tuple[str, str]], frozenset[Digest]]
