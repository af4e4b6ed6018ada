"""Accept events: into the stream, or into the outbox, in order."""

import asyncio

import structlog

from shared.bus.bus import PUBLISH_TIMEOUT, Bus
from shared.bus.outbox import Entry, Outbox
from shared.bus.refused import Author, refused_event
from shared.errors import MalformedError, StalledError, TransientError, WaitingError
from shared.messages import Envelope, encode

log = structlog.get_logger()

RETRY = 1.0  # seconds between attempts to empty the outbox while NATS is there
DRAIN_TIMEOUT = 2.0  # seconds for one entry; nobody waits for it
# Seconds that an event may wait which the disk does not take, while NATS is connected: healing and
# statuses wait with it, and a NATS that stood still for a moment must cost no event.
LAST_RESORT = 5.0
SIDE_BY_SIDE = 8  # events under way: each waits for NATS to sync it, and would wait for the others


class EventPublisher:
    """
    The way of all events of a service.

    What is told after an event was accepted comes behind it: while the outbox holds anything, new
    events go there. Only events that are told at the same time may change places.
    """

    def __init__(self, bus: Bus, outbox: Outbox, author: Author) -> None:
        self._bus = bus
        self._outbox = outbox
        self._author = author
        self._under_way = asyncio.Semaphore(SIDE_BY_SIDE)
        self._storing = asyncio.Lock()
        self._in_vain = False  # the last resort was tried since NATS last confirmed anything
        self._filled = asyncio.Event()
        if not outbox.empty or outbox.note:
            self._filled.set()

    @property
    def refused(self) -> int:
        """
        How many events were refused because the outbox was full.
        """
        return self._outbox.refused

    @property
    def waiting(self) -> int:
        """
        The bytes in the outbox.
        """
        return self._outbox.size

    async def accept(self, subject: str, envelope: Envelope) -> bool:
        """
        Return True as soon as the event cannot be lost any more; False if it is refused.

        Raises:
            MalformedError: The event can never be sent.

        """
        entry = Entry(subject=subject, id=envelope.id, data=encode(envelope))
        async with self._under_way:
            if self._outbox.empty and await self._at_once(entry):
                return True
            async with self._storing:
                accepted = await self._outbox.append(entry) or await self._without_disk(entry)
                if not accepted:
                    self._outbox.refuse(entry)
                self._filled.set()
        return accepted

    async def _at_once(self, entry: Entry) -> bool:
        try:
            await self._publish(entry, within=PUBLISH_TIMEOUT)
        except (TransientError, WaitingError) as error:
            log.debug("event goes to the outbox", error=error.message)
            return False
        return True

    async def run(self) -> None:
        """
        Empty the outbox whenever NATS is there, until cancelled; then tell what did not fit.
        """
        while True:
            await self._filled.wait()
            await self._bus.line.up.wait()
            self._filled.clear()
            try:
                await self._outbox.drain(self._send)
                await self._tell_refused()
            except (TransientError, WaitingError) as error:
                log.debug("outbox waits", error=error.message)
                self._filled.set()
                await asyncio.sleep(RETRY)

    async def _tell_refused(self) -> None:
        note = self._outbox.note
        if note is None:
            return
        subject, envelope = refused_event(self._author, note)
        data = encode(envelope)
        try:
            await self._bus.publish_raw(subject, data, envelope.id, within=DRAIN_TIMEOUT)
        except (MalformedError, StalledError) as error:
            # The bus will never take it: the log is the last place to say it.
            log.error("events were refused, which cannot be told", error=error.message)  # noqa: TRY400
        self._outbox.told(note)
        log.error("events were refused", count=note.count)

    async def _without_disk(self, entry: Entry) -> bool:
        """
        Send what waits, then this: the disk has no room for it, but NATS may have.

        Only one event waits for a NATS that confirms nothing; those behind it are refused at once.
        """
        if self._in_vain or not self._bus.connected:
            return False
        try:
            async with asyncio.timeout(LAST_RESORT):
                await self._outbox.drain(self._send)
                await self._publish(entry, within=LAST_RESORT)
        except (TransientError, WaitingError, TimeoutError):
            self._in_vain = True
            return False
        return True

    async def _send(self, entry: Entry) -> None:
        try:
            await self._publish(entry, within=DRAIN_TIMEOUT)
        except MalformedError as error:
            # It would hold up all others for ever.
            log.error("event dropped", subject=entry.subject, error=error.message)  # noqa: TRY400

    async def _publish(self, entry: Entry, *, within: float) -> None:
        await self._bus.publish_raw(entry.subject, entry.data, entry.id, within=within)
        self._in_vain = False
