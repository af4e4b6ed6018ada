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
        try:
            async with asyncio.timeout(_BODY_TIMEOUT):
                body = await _read(request)
        except TimeoutError:
            return HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time"
        if body is None:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large"
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        answer = await self._receiving.receive(path, headers, body)
        return answer.status, answer.text


async def _read(request: web.BaseRequest) -> bytes | None:
    """
    Read the body, None if it is longer than the limit.
    """
    parts: list[bytes] = []
    size = 0
    while chunk := await request.content.read(_CHUNK):
        size += len(chunk)
        if size > BODY_LIMIT:
            return None
        parts.append(chunk)
    return b"".join(parts)
