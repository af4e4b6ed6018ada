"""
lanes: one for each Provider, and one for what waits for a Provider that is gone.
"""

import asyncio
import hashlib
from contextlib import suppress

import structlog

from services.notifier.core.catalog import Catalog, Key
from services.notifier.ports import Letters, OrderHandler
from shared.errors import SetpointError

log = structlog.get_logger()
_RETRY = 1.0  # seconds
_LOOK_EVERY = 60.0  # seconds; an order may come in while its Provider is being deleted


class Lanes:
    """
    Keeps a lane open for everybody who is to get something.
    """

    def __init__(self, catalog: Catalog, letters: Letters, handler: OrderHandler) -> None:
        self._catalog = catalog
        self._letters = letters
        self._handler = handler
        self._open: dict[Key, tuple[str, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"Lanes({len(self._open)} open)"

    def changed(self) -> None:
        """
        Look again: a Provider came or went.
        """
        self._changed.set()

    async def run(self) -> None:
        """
        Open and close lanes until cancelled.
        """
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                try:
                    closed = await self._arrange(group)
                    # A closed lane may have had a request under way that made its durable anew.
                    pause = _RETRY if closed else _LOOK_EVERY
                except SetpointError as error:
                    log.info("lanes not arranged yet", error=error.message)
                    pause = _RETRY
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._changed.wait()

    async def _arrange(self, group: asyncio.TaskGroup) -> bool:
        closed = False
        wanted = {
            (provider.metadata.namespace, provider.metadata.name): provider.metadata.uid
            for provider in self._catalog.providers
        }
        for key in await self._letters.addressees():
            wanted.setdefault(key, _nobody(key[1]))
        for key, (uid, task) in list(self._open.items()):
            if wanted.get(key) != uid:
                task.cancel()
                await asyncio.wait({task})
                del self._open[key]
                closed = True
        # Before new ones begin: two durables of a work queue may not have the same subject.
        await self._letters.close_lanes({(key[0], uid) for key, uid in wanted.items()})
        for key, uid in wanted.items():
            if key not in self._open:
                lane = self._letters.lane(*key, uid, self._handler)
                self._open[key] = (uid, group.create_task(lane, name=f"lane {'/'.join(key)}"))
        return closed


def _nobody(name: str) -> str:
    # Stands for the uid of a Provider that is gone; a durable's name takes no dot.
    return "gone-" + hashlib.sha256(name.encode()).hexdigest()[:16]
