"""The bus as the services see it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import structlog

from shared.bus.connection import Connection
from shared.bus.consumer import Consumer, ConsumerSpec, Deliver, Handler
from shared.bus.delivery import Received
from shared.bus.ending import end
from shared.bus.errors import Disconnected, NoStream
from shared.bus.jetstream import JetStream
from shared.bus.keeper import Keeper, OnWipe
from shared.bus.kv import Bucket
from shared.bus.line import Line
from shared.bus.objects import ArtifactObjects
from shared.bus.peer import Peer
from shared.bus.reader import Reader
from shared.bus.streams import StreamSpec
from shared.bus.suspects import Suspects
from shared.bus.wipe import Watermarks
from shared.errors import SetpointError
from shared.messages import Envelope, decode, encode

log = structlog.get_logger()

CONNECT_WAIT = 10.0  # seconds for the first connection; a service starts without NATS, too
PUBLISH_TIMEOUT = 0.2  # seconds; then the outbox takes it


@dataclass(frozen=True, slots=True, kw_only=True)
class BusSettings:
    """
    Where NATS is and who we are.

    ``state`` is a directory for what must survive a restart: the streams as they were last seen,
    and the messages that may have ended the process.
    """

    url: str
    user: str
    password_file: Path | None = None
    name: str = ""
    state: Path | None = None
    connect_wait: float = CONNECT_WAIT


class Bus:
    """
    One connection and everything that goes over it.
    """

    def __init__(self, settings: BusSettings) -> None:
        state = settings.state
        self._connection = Connection(
            Peer(
                url=settings.url,
                user=settings.user,
                password_file=settings.password_file,
                name=settings.name or settings.user,
            )
        )
        self._jetstream = JetStream(self._connection)
        self._keeper = Keeper(
            self._jetstream, Watermarks(state / "streams.json" if state else None)
        )
        self._suspects = Suspects(state / "suspects.json" if state else None)
        self._keeping: asyncio.Task[None] | None = None
        self.user = settings.user
        self.objects = ArtifactObjects(self._jetstream)

    @classmethod
    async def connect(cls, settings: BusSettings) -> Self:
        """
        Connect; where NATS is not there, return all the same and go on trying.
        """
        bus = cls(settings)
        bus._connection.on_up = bus._jetstream.on_missing = bus._keeper.look
        bus._keeping = asyncio.create_task(bus._keeper.run(), name="bus-keeper")
        try:
            await bus._connection.start(settings.connect_wait)
        except BaseException:
            await bus.close()
            raise
        return bus

    async def close(self) -> None:
        """
        Send what waits, and disconnect.
        """
        await end(self._keeping)
        await self._connection.close()

    @property
    def connected(self) -> bool:
        """
        Say whether NATS is there now.
        """
        return self._connection.connected

    @property
    def line(self) -> Line:
        """
        Where the connection stands, to wait for.
        """
        return self._connection.line

    async def ping(self) -> None:
        """
        Raise unless NATS answers.
        """
        await self._connection.ping()

    def on_wipe(self, callback: OnWipe) -> None:
        """
        Call with a stream's name when it turns out to be another one than before.
        """
        self._keeper.on_wipe(callback)

    async def declare(self, *specs: StreamSpec) -> None:
        """
        Declare streams now and whenever they are missing; without NATS, as soon as it is there.
        """
        await self._keeper.declare(specs)

    async def publish(
        self,
        subject: str,
        envelope: Envelope,
        *,
        timeout: float = PUBLISH_TIMEOUT,  # noqa: ASYNC109 -- it bounds the wait for the stream
    ) -> int:
        """
        Store a message, once per id within two minutes; return its sequence.

        Raises:
            TransientError: It is not confirmed: no NATS, no stream, no room, no answer in time.
            BusForbidden: This user may not publish there.
            MalformedError: It is too large, or cannot be written as JSON.

        """
        return await self.publish_raw(subject, encode(envelope), envelope.id, within=timeout)

    async def publish_raw(
        self, subject: str, data: bytes, id_: str, *, within: float = PUBLISH_TIMEOUT
    ) -> int:
        """
        Store the bytes of a message.
        """
        headers = {"Nats-Msg-Id": id_}
        try:
            async with asyncio.timeout(within):
                try:
                    answer = await self._jetstream.publish(
                        subject, data, within=within, headers=headers
                    )
                except NoStream:
                    if not self._keeper.owns():
                        raise
                    await self._keeper.assert_all()
                    answer = await self._jetstream.publish(
                        subject, data, within=within, headers=headers
                    )
        except TimeoutError as error:
            raise Disconnected(f"{subject}: not confirmed within {within:g} s") from error
        self._keeper.reached(str(answer["stream"]), int(answer["seq"]))
        return int(answer["seq"])

    async def consume(
        self,
        stream: str,
        *,
        durable: str | None,
        filters: Sequence[str],
        handler: Handler,
        deliver: Deliver = "all",
        ack_wait: float = 30.0,
        takes_over: bool = False,
    ) -> None:
        """
        Hand each message to the handler and answer with its outcome, until cancelled.

        Without ``durable`` the position is forgotten when nobody reads any more. With
        ``takes_over`` what the process before us held comes first.
        """
        spec = ConsumerSpec(
            stream=stream,
            name=durable or f"{self.user}-{secrets.token_hex(8)}",
            durable=durable is not None,
            filters=filters,
            deliver=deliver,
            ack_wait=ack_wait,
            takes_over=takes_over,
        )
        await Consumer(self._jetstream, self._keeper, self._suspects, spec, handler).run()

    async def last(self, stream: str, filter_: str) -> list[Received]:
        """
        Return the last message on each subject that matches.

        Raises:
            NoStream: The stream is not there.

        """
        found = {item.subject: item async for item in self.read(stream, filter_)}
        return list(found.values())

    async def read(
        self, stream: str, filter_: str, *, after: int = 0, since: datetime | None = None
    ) -> AsyncIterator[Received]:
        """
        Yield the messages that are stored now and can be read, without consuming them.
        """
        async for stored in Reader(self._connection, stream).read(
            filter_, after=after, since=since
        ):
            self._keeper.reached(stream, stored.sequence)
            try:
                envelope = decode(stored.data)
            except SetpointError as error:
                # One bad message must not hide the others; who consumes the stream puts it aside.
                log.warning("message passed over", subject=stored.subject, error=error.message)
                continue
            yield Received(
                subject=stored.subject,
                envelope=envelope,
                attempts=1,
                stream_sequence=stored.sequence,
            )

    async def remove(self, stream: str, sequence: int) -> None:
        """
        Remove one message from a stream.
        """
        await self._jetstream.call(
            f"STREAM.MSG.DELETE.{stream}", {"seq": sequence, "no_erase": True}
        )

    async def purge(self, stream: str, subject: str) -> None:
        """
        Remove all messages on a subject.
        """
        await self._jetstream.call(f"STREAM.PURGE.{stream}", {"filter": subject})

    async def state(self, stream: str) -> dict[str, Any]:
        """
        Return the server's word about a stream: created, messages, bytes, first_seq, last_seq.
        """
        info = await self._jetstream.call(f"STREAM.INFO.{stream}")
        return {**info["state"], "created": info["created"]}

    async def subjects(self, stream: str, filter_: str) -> dict[str, int]:
        """
        Return the subjects that match, with the number of messages that are stored on each.
        """
        info = await self._jetstream.call(f"STREAM.INFO.{stream}", {"subjects_filter": filter_})
        return {
            str(name): int(count) for name, count in (info["state"].get("subjects") or {}).items()
        }

    async def durables(self, stream: str) -> list[str]:
        """
        Return the names of a stream's consumers.
        """
        names: list[str] = []
        while True:
            page = await self._jetstream.call(f"CONSUMER.NAMES.{stream}", {"offset": len(names)})
            names += page.get("consumers") or []
            if not page.get("consumers") or len(names) >= int(page.get("total", 0)):
                return names

    async def forget(self, stream: str, durable: str) -> None:
        """
        Remove a durable; one that is not there is removed already.
        """
        try:
            await self._jetstream.call(f"CONSUMER.DELETE.{stream}.{durable}")
        except NoStream:
            return

    def kv(self, bucket: str) -> Bucket:
        """
        Return a key-value bucket.
        """
        return Bucket(self._jetstream, bucket)

    def __repr__(self) -> str:
        return f"<Bus {self._connection!r}>"
