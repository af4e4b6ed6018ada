"""Messages that nobody could handle, kept with the reason until a person decides."""

import base64
import binascii
from datetime import datetime
from typing import Literal, Self

from pydantic import AwareDatetime

from shared.errors import MalformedError
from shared.messages.base import Message

# Bytes of the original that are kept: with base64 and the envelope it stays under the server's
# max_payload of 1 MiB.
PAYLOAD_LIMIT = 384 * 1024


class DeadLetter(Message):
    """
    The original message, and why, how often and since when it failed.

    ``provider`` is ``namespace/name`` for deliveries, else empty.
    """

    reason: str
    attempts: int
    first_seen: AwareDatetime
    subject: str
    provider: str = ""
    payload: str
    encoding: Literal["utf-8", "base64"] = "utf-8"
    truncated: bool = False

    @classmethod
    def of(
        cls,
        data: bytes,
        *,
        subject: str,
        reason: str,
        attempts: int,
        first_seen: datetime,
        provider: str = "",
    ) -> Self:
        """
        Wrap the bytes of a message.
        """
        kept = data[:PAYLOAD_LIMIT]
        encoding: Literal["utf-8", "base64"] = "utf-8"
        try:
            text = kept.decode()
        except UnicodeDecodeError:
            text, encoding = base64.b64encode(kept).decode(), "base64"
        return cls(
            reason=reason,
            attempts=attempts,
            first_seen=first_seen,
            subject=subject,
            provider=provider,
            payload=text,
            encoding=encoding,
            truncated=len(data) > PAYLOAD_LIMIT,
        )

    def original(self) -> bytes:
        """
        Return the bytes of the message, to send it again.

        Raises:
            MalformedError: The letter holds only a part of it.

        """
        if self.truncated:
            raise MalformedError(
                f"dead letter of {self.subject} holds only the first {PAYLOAD_LIMIT} bytes of its "
                "message: it cannot be sent again, drop it"
            )
        if self.encoding == "utf-8":
            return self.payload.encode()
        try:
            return base64.b64decode(self.payload, validate=True)
        except binascii.Error as error:
            raise MalformedError(f"dead letter of {self.subject} is no base64: {error}") from error
