"""JetStream's requests, as JSON over a connection."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from shared.bus.connection import Connection
from shared.bus.errors import ApiError, BusFull, NoStream
from shared.bus.waiting import Message

API_TIMEOUT = 5.0  # seconds; creating a stream with sync always takes some milliseconds
NOTHING_LISTENS = 503
_FULL = frozenset({10077, 10047, 10023})  # bytes or messages of a stream; storage; resources


class JetStream:
    """
    Requests to JetStream's API.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.on_missing: Callable[[], None] | None = None

    async def call(
        self, request: str, body: Mapping[str, Any] | None = None, *, within: float = API_TIMEOUT
    ) -> dict[str, Any]:
        """
        Ask ``$JS.API.<request>``.

        Raises:
            NoStream: The stream, consumer or message is not there.
            ApiError: Another refusal.
            Disconnected: No answer.

        """
        data = json.dumps(body).encode() if body is not None else b""
        return answer(
            request, await self.connection.request(f"$JS.API.{request}", data, within=within)
        )

    async def publish(
        self, subject: str, data: bytes, *, within: float, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """
        Store a message and return the stream's confirmation.
        """
        message = await self.connection.request(subject, data, within=within, headers=headers)
        try:
            return answer(subject, message)
        except NoStream:
            self.missing()
            raise

    def missing(self) -> None:
        """
        Say that a stream was not found, so that its owner looks.
        """
        if self.on_missing is not None:
            self.on_missing()


def answer(request: str, message: Message) -> dict[str, Any]:
    """
    Read an answer of JetStream, or raise what it says.
    """
    if message.status == NOTHING_LISTENS:
        raise NoStream(f"no stream takes {request}; the service that owns it must declare it")
    try:
        body = json.loads(message.data)
    except ValueError as error:
        raise ApiError(f"{request}: the answer is no JSON", code=0) from error
    failure = body.get("error")
    if failure is None:
        return dict(body)
    code = int(failure.get("err_code", 0))
    text = f"{request}: {failure.get('description', 'refused')}"
    if failure.get("code") == 404:  # noqa: PLR2004 -- not found, as in HTTP
        raise NoStream(text)
    if code in _FULL:
        raise BusFull(text)
    raise ApiError(text, code=code)
