"""
Webhooks in: a small server that reads little, waits briefly and tells nothing.
"""

import asyncio
from http import HTTPStatus
from typing import Protocol

import structlog
from aiohttp import web

from services.notifier.adapters.deadline import DeadlineServer
from shared.runtime.settings import Address

log = structlog.get_logger()
BODY_LIMIT = 3 * 1024 * 1024  # bytes, as the reference has it
_BODY_TIMEOUT = 10.0  # seconds; a forge sends its few kilobytes at once
_CHUNK = 64 * 1024  # bytes
# A call of a forge is smaller: it never waits for room that many large ones have taken.
_SMALL = 128 * 1024  # bytes of a body that any call may hold
_LARGE_TOGETHER = 48 * 1024 * 1024  # bytes of all bodies beyond that, at one time


class Receiving(Protocol):
    """
    Who answers calls.
    """

    @property
    def ready(self) -> bool:
        """
        Say whether the receivers are known yet.
        """

    async def knows(self, path: str) -> bool:
        """
        Say whether there is a receiver at a path.
        """

    async def receive(self, path: str, headers: dict[str, list[str]], body: bytes) -> "Answered":
        """
        Answer one call.
        """


class Answered(Protocol):
    """
    A status and a text.
    """

    @property
    def status(self) -> HTTPStatus:
        """
        Return the status.
        """

    @property
    def text(self) -> str:
        """
        Return the text.
        """


class WebServer:
    """
    Serves the hooks.
    """

    def __init__(self, receiving: Receiving) -> None:
        self._receiving = receiving
        self._runner: web.ServerRunner | None = None
        self._server: DeadlineServer | None = None
        self._room = _Room(_LARGE_TOGETHER)

    async def start(self, at: Address) -> int:
        """
        Listen and return the port.
        """
        # The signature is over the bytes as they came; and what is not unpacked cannot explode.
        server = web.Server(self._handle, access_log=None, auto_decompress=False)
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        self._server = await DeadlineServer.listen(server, at.host, at.port)
        return self._server.port

    async def close(self) -> None:
        """
        Stop listening, and let the calls under way end.
        """
        if self._server is not None:
            self._server.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            status, text = await self._answer(request)
        except Exception:
            log.exception("call not handled")
            status, text = HTTPStatus.INTERNAL_SERVER_ERROR, "internal error"
        response = web.Response(status=status, text=text + "\n" if text else "")
        # One call per connection: the deadlines of the connection are those of the call.
        response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> tuple[HTTPStatus, str]:
        path = request.raw_path
        if not self._receiving.ready:
            return HTTPStatus.SERVICE_UNAVAILABLE, "not ready yet"
        if not await self._receiving.knows(path):
            return HTTPStatus.NOT_FOUND, "not found"
        if (request.content_length or 0) > BODY_LIMIT:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large"
        if self._server is not None:
            self._server.engage(request.transport)
        body = _Body(self._room)
        try:
            return await self._receive(request, path, body)
        except TimeoutError:
            return HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time"
        except _Refused as refused:
            return refused.status, refused.text
        finally:
            body.release()

    async def _receive(
        self, request: web.BaseRequest, path: str, body: "_Body"
    ) -> tuple[HTTPStatus, str]:
        async with asyncio.timeout(_BODY_TIMEOUT):
            while chunk := await request.content.read(_CHUNK):
                body.add(chunk)
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        answer = await self._receiving.receive(path, headers, body.whole())
        return answer.status, answer.text


class _Refused(Exception):  # noqa: N818 - an answer to the caller, not a fault of ours
    """
    A body that is not read to its end, and the answer to it.
    """

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class _Room:
    """
    The bytes that large bodies may take together.
    """

    def __init__(self, left: int) -> None:
        self.left = left


class _Body:
    """
    What was read of one body.
    """

    def __init__(self, room: _Room) -> None:
        self._room = room
        self._parts: list[bytes] = []
        self._size = 0
        self._taken = 0

    def add(self, chunk: bytes) -> None:
        """
        Take one more piece.
        """
        self._size += len(chunk)
        if self._size > BODY_LIMIT:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
        more = max(self._size - _SMALL, 0) - self._taken
        if more > self._room.left:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many large bodies at once")
        self._room.left -= more
        self._taken += more
        self._parts.append(chunk)

    def whole(self) -> bytes:
        """
        Return all of it.
        """
        return b"".join(self._parts)

    def release(self) -> None:
        """
        Give the memory back.
        """
        self._room.left += self._taken
        self._taken = 0
        self._parts.clear()
