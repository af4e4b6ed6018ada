"""What came in, and who waits for what: futures that end when their answer cannot come any more."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from shared.errors import SetpointError


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    What came in: ``status`` is 0 for data, else the server's word about our request.
    """

    subject: str
    reply: str
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 0
    description: str = ""

    @classmethod
    def of(cls, subject: str, reply: str, data: bytes, headers: Mapping[str, str]) -> Self:
        """
        Take the status out of the headers.
        """
        status = headers.get("Status", "")
        return cls(
            subject=subject,
            reply=reply,
            data=data,
            headers=headers,
            status=int(status) if status.isdigit() else 0,
            description=headers.get("Description", ""),
        )


class Waiting:
    """
    The futures that wait for an answer, by the subject of their request.
    """

    def __init__(self) -> None:
        self._futures: dict[asyncio.Future[Message], str] = {}

    @contextmanager
    def watch(self, subject: str, future: asyncio.Future[Message]) -> Iterator[None]:
        """
        Let the future fail when the connection is lost or the subject refused.
        """
        self._futures[future] = subject
        try:
            yield
        finally:
            del self._futures[future]
            if future.done() and not future.cancelled():
                future.exception()  # seen: nobody may be left to wait for it

    def on(self, lowered: str) -> list[str]:
        """
        Return the subjects that somebody waits on, given one in lower case.
        """
        return list({subject for subject in self._futures.values() if subject.lower() == lowered})

    def fail(self, error: SetpointError, subject: str | None = None) -> None:
        """
        End the waits on one subject, or all.
        """
        for future, waits_on in self._futures.items():
            if subject in (None, waits_on) and not future.done():
                future.set_exception(error)
