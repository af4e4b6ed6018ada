"""One delivery of a message to a consumer: what its acknowledgement address says, and answers."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from shared.bus.connection import Connection
from shared.bus.waiting import Message
from shared.messages import Envelope

_SHORT = 9  # tokens of an address without domain and account
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """
    A message for a handler: ``attempts`` counts its deliveries, this one included.
    """

    subject: str
    envelope: Envelope
    attempts: int
    stream_sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    A message, where it comes from and how to answer it.
    """

    message: Message
    stream: str
    consumer: str
    attempts: int
    sequence: int
    time: datetime

    @classmethod
    def of(cls, message: Message) -> Self:
        """
        Read ``$JS.ACK[.domain.account].stream.consumer.delivered.sequence.….time.pending``.
        """
        tokens = message.reply.split(".")
        at = 2 if len(tokens) == _SHORT else 4
        nanoseconds = int(tokens[at + 5])
        return cls(
            message=message,
            stream=tokens[at],
            consumer=tokens[at + 1],
            attempts=int(tokens[at + 2]),
            sequence=int(tokens[at + 3]),
            time=datetime.fromtimestamp(nanoseconds / _NANO, UTC),
        )

    @property
    def key(self) -> str:
        """
        Name this message of this stream, for as long as the stream is the same.
        """
        return f"{self.stream}/{self.consumer}/{self.sequence}/{self.time.isoformat()}"

    async def ack(self, connection: Connection) -> None:
        """
        Say that it is done.
        """
        await connection.send(self.message.reply, b"+ACK")

    async def nak(self, connection: Connection, delay: float) -> None:
        """
        Ask for it again after ``delay`` seconds.
        """
        body = b""
        if delay > 0:
            body = b" " + json.dumps({"delay": int(delay * _NANO)}).encode()
        await connection.send(self.message.reply, b"-NAK" + body)

    async def term(self, connection: Connection, reason: str) -> None:
        """
        Never ask for it again.
        """
        line = " ".join(reason.split())[:200]
        await connection.send(self.message.reply, b"+TERM " + line.encode())

    async def working(self, connection: Connection) -> None:
        """
        Extend the deadline.
        """
        await connection.send(self.message.reply, b"+WPI")
