"""
Read stored messages without a consumer: batches of direct gets, each with a deadline.

Nothing is created on the server, nothing has to be cleaned up, and a message that is gone ends a
batch instead of being waited for.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.bus.connection import Connection
from shared.bus.errors import ApiError, Disconnected, NoStream
from shared.bus.waiting import Message

BATCH = 256  # messages
BATCH_BYTES = 8 * 1024 * 1024  # bytes that may be under way
IDLE = 5.0  # seconds without a message
_OK = 0
_END = 204
_NOT_FOUND = 404
_NOTHING_LISTENS = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """
    A message as the stream keeps it.
    """

    subject: str
    sequence: int
    time: str
    data: bytes
    id: str
    operation: str


@dataclass(frozen=True, slots=True)
class _End:
    """
    The end of a batch: whether there is more.
    """

    more: bool


class Reader:
    """
    Direct gets of one stream.
    """

    def __init__(self, connection: Connection, stream: str) -> None:
        self._connection = connection
        self._stream = stream
        self._subject = f"$JS.API.DIRECT.GET.{stream}"

    async def last(self, subject: str, *, within: float = IDLE) -> Stored | None:
        """
        Return the last message on a subject, if there is one.

        Raises:
            NoStream: The stream is not there.

        """
        body = json.dumps({"last_by_subj": subject}).encode()
        message = await self._connection.request(self._subject, body, within=within)
        return self._stored(message)

    async def read(
        self,
        subject: str,
        *,
        after: int = 0,
        since: datetime | None = None,
        batch: int = BATCH,
    ) -> AsyncGenerator[Stored, None]:
        """
        Yield the messages on a subject that are there now, in order.
        """
        where: dict[str, Any] = {"seq": after + 1}
        if since is not None and after == 0:
            where = {"start_time": since.isoformat()}
        more = True
        while more:
            request = {**where, "next_by_subj": subject, "batch": batch}
            more = some = False
            # Each is given as it comes in: what the reader does with it goes on beside the rest.
            async with aclosing(self._batch(request)) as found:
                async for one in found:
                    if isinstance(one, _End):
                        more = one.more and some
                    else:
                        where, some = {"seq": one.sequence + 1}, True
                        yield one

    async def _batch(self, request: dict[str, Any]) -> AsyncGenerator[Stored | _End, None]:
        queue: asyncio.Queue[Message] = asyncio.Queue()
        lost: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        body = json.dumps({**request, "max_bytes": BATCH_BYTES}).encode()
        with (
            self._connection.inboxes.open(queue.put_nowait) as reply,
            self._connection.waiting.watch(self._subject, lost),
        ):
            await self._connection.send(self._subject, body, reply=reply)
            while True:
                message = await self._next(queue, lost)
                if message.status == _END:
                    yield _End(int(message.headers.get("Nats-Num-Pending", "0")) > 0)
                    return
                stored = self._stored(message)
                if stored is None:
                    return
                yield stored

    async def _next(self, queue: asyncio.Queue[Message], lost: asyncio.Future[Message]) -> Message:
        if not queue.empty():
            return queue.get_nowait()
        get = asyncio.ensure_future(queue.get())
        try:
            await asyncio.wait({get, lost}, timeout=IDLE, return_when=asyncio.FIRST_COMPLETED)
            if get.done():
                return get.result()
            if lost.done():
                lost.result()
            raise Disconnected(f"reading {self._stream}: NATS sent nothing for {IDLE:g} s")
        finally:
            get.cancel()

    def _stored(self, message: Message) -> Stored | None:
        if message.status == _NOT_FOUND:
            return None
        if message.status == _NOTHING_LISTENS:
            raise NoStream(f"stream {self._stream} is not there; its owner must declare it")
        if message.status != _OK:
            raise ApiError(
                f"reading {self._stream}: {message.description or message.status}",
                code=message.status,
            )
        headers = message.headers
        return Stored(
            subject=headers["Nats-Subject"],
            sequence=int(headers["Nats-Sequence"]),
            time=headers["Nats-Time-Stamp"],
            data=message.data,
            id=headers.get("Nats-Msg-Id", ""),
            operation=headers.get("KV-Operation", ""),
        )
