"""One pull at a time from a consumer, with an address of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.bus.connection import Connection
from shared.bus.errors import Disconnected, NoStream
from shared.bus.jetstream import NOTHING_LISTENS
from shared.bus.waiting import Message

PULL = 4.0  # seconds that a pull waits at the server
GRACE = 1.0  # seconds more until we give it up ourselves
BUSY_DELAY = 0.5  # seconds, when the server refuses a pull, as while it shuts down
_NANO = 1_000_000_000
_CONFLICT = 409


class Pull:
    """
    A worker's way to the next message.
    """

    def __init__(self, connection: Connection, stream: str, consumer: str) -> None:
        self._connection = connection
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._body = json.dumps({"batch": 1, "expires": int(PULL * _NANO)}).encode()
        self._address = ""
        self._slot: asyncio.Future[Message] | None = None

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """
        Hold the address; the server forgets our pull when it is given up.
        """
        async with self._connection.mailbox(self._take) as self._address:
            yield

    async def next(self) -> Message | None:
        """
        Wait a while for a message.

        Raises:
            NoStream: The consumer or its stream is not there.
            Disconnected: NATS is not there.

        """
        slot: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._slot = slot
        try:
            with self._connection.waiting.watch(self._subject, slot):
                await self._connection.send(self._subject, self._body, reply=self._address)
                async with asyncio.timeout(PULL + GRACE):
                    message = await slot
        except TimeoutError as error:
            raise Disconnected(f"{self._subject}: NATS did not answer") from error
        finally:
            self._slot = None
        return await self._judged(message)

    async def _judged(self, message: Message) -> Message | None:
        if message.status == 0:
            return message
        if message.status == NOTHING_LISTENS or "Deleted" in message.description:
            raise NoStream(f"{self._subject}: the consumer is not there")
        if message.status == _CONFLICT:
            await asyncio.sleep(BUSY_DELAY)
        return None

    async def _take(self, message: Message) -> None:
        if self._slot is not None and not self._slot.done():
            self._slot.set_result(message)
        elif message.status == 0:
            # Of a pull that we gave up: another worker can have it at once.
            await self._connection.send(message.reply, b"-NAK")
