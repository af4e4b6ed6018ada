"""
One HTTP session to one API server: bounded, timed, translated.

Only two failures are met here, because nobody above could do better: a 429 that names its pause,
and a connection that was cut under a GET. All others become errors with a consequence.
"""

import asyncio
import io
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from yarl import URL

from shared.kube.errors import KubeError, TooManyRequests, Unauthorized, Unreachable
from shared.kube.fence import FencedConnector
from shared.kube.session import Access
from shared.kube.translate import Target, translate

CONNECT_TIMEOUT = 5.0  # seconds; the API server is near, or it is away
REQUEST_TIMEOUT = 40.0  # seconds; webhooks may take 30 of them
KEEPALIVE = 60.0  # seconds; the API server closes idle connections after 90
READ_BUFFER = 2**22  # bytes; one watch event has up to 1.5 MiB, aiohttp refuses at 64 KiB
PAUSES = 3  # retries after 429, with 1, 2 and 4 times the pause asked for
LONGEST_PAUSE = 10.0  # seconds; who asks for more is answered by the caller's own back-off
PIECEWISE = 2**20  # bytes; larger bodies are sent in pieces

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    One request; ``path`` and ``query`` are escaped.
    """

    method: str
    path: str
    target: Target
    query: str = ""
    body: bytes | None = None
    content_type: str = JSON
    accept: str = JSON


class Requests:
    """
    A session and how many of its requests may be under way.
    """

    def __init__(
        self, access: Access, *, agent: str, parallel: int, timeout: float = REQUEST_TIMEOUT
    ) -> None:
        self._access = access
        self._slots = asyncio.Semaphore(parallel)
        self._timeout = timeout
        self._default = limits(timeout)
        self._session = aiohttp.ClientSession(
            connector=FencedConnector(limit=0, ssl=access.tls or True, keepalive_timeout=KEEPALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=READ_BUFFER,
            timeout=self._default,
            headers={"User-Agent": agent, "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """
        Close the connections.
        """
        await self._session.close()

    async def json(self, call: Call) -> dict[str, Any]:
        """
        Send a request and read the JSON object that it gives.
        """
        body = await self.send(call)
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise self._unreachable(call, "answered with something that is not JSON") from exc
        if not isinstance(value, dict):
            raise self._unreachable(call, "answered with something that is not an object")
        return value

    async def send(self, call: Call) -> bytes:
        """
        Send a request and return the body of its success.
        """
        async with self._slots:
            return await self._send(call)

    async def _send(self, call: Call) -> bytes:
        cut = renewed = False
        pauses = 0
        while True:
            try:
                async with self.stream(call) as response:
                    return await response.read()
            except TooManyRequests as exc:
                if pauses == PAUSES or not exc.retry_after or exc.retry_after > LONGEST_PAUSE:
                    raise
                await asyncio.sleep(exc.retry_after * 2**pauses * random.uniform(1, 1.5))  # noqa: S311 - spread, not secrecy
                pauses += 1
            except Unauthorized:
                if renewed or not self._access.credentials.rejected():
                    raise
                renewed = True
            except Unreachable as exc:
                if cut or call.method != "GET" or not _was_cut(exc):
                    raise
                cut = True

    @asynccontextmanager
    async def stream(
        self,
        call: Call,
        *,
        within: aiohttp.ClientTimeout | None = None,
        begin: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """
        Send a request and hand over its success while it is still being received.

        Args:
            call: The request.
            within: Other limits than the session's.
            begin: Seconds until the answer must begin, if it may last longer.

        """
        url = f"{self._access.address}{call.path}"
        if call.query:
            url = f"{url}?{call.query}"
        headers = {"Accept": call.accept}
        if authorization := await self._access.credentials.header():
            headers["Authorization"] = authorization
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        try:
            async with asyncio.timeout(begin):
                response = await self._session.request(
                    call.method,
                    URL(url, encoded=True),
                    data=_payload(call.body),
                    headers=headers,
                    allow_redirects=False,
                    server_hostname=self._access.server_name,
                    proxy=self._access.proxy,
                    timeout=within or self._default,
                )
            async with response:
                if not 200 <= response.status < 300:  # noqa: PLR2004 - HTTP's successes
                    raise translate(
                        response.status,
                        await response.read(),
                        call.target,
                        retry_after=_pause(response.headers.get("Retry-After")),
                    )
                yield response
        except TimeoutError as exc:
            raise self._unreachable(call, f"gave no answer within {self._timeout:g} s") from exc
        except aiohttp.ClientError as exc:
            raise self._unreachable(call, _why(exc)) from exc
        except OSError as exc:
            raise self._unreachable(call, exc.strerror or type(exc).__name__) from exc

    def _unreachable(self, call: Call, what: str) -> KubeError:
        return Unreachable(
            f"{call.target} not {call.target.done}: the API server at {self._access.address}"
            f" {what}; it is tried again"
        )


def limits(total: float) -> aiohttp.ClientTimeout:
    """
    Return the limits of a request that may take ``total`` seconds.
    """
    return aiohttp.ClientTimeout(total=total, connect=CONNECT_TIMEOUT)


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """
    Return a body as aiohttp sends it without holding the loop.
    """
    return io.BytesIO(body) if body is not None and len(body) > PIECEWISE else body


def _was_cut(error: Unreachable) -> bool:
    cause = error.__cause__
    return isinstance(cause, aiohttp.ServerDisconnectedError | ConnectionResetError) or (
        isinstance(cause, aiohttp.ClientOSError)
        and not isinstance(cause, aiohttp.ClientConnectorError)
    )


def _why(error: aiohttp.ClientError) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return f"has a certificate that cannot be trusted ({error})"
        case aiohttp.ClientConnectorError():
            return f"cannot be reached ({error.os_error.strerror or error.os_error})"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return "cut the connection"
        case aiohttp.ClientPayloadError():
            return "cut its answer short"
        case _:
            return f"gave no usable answer ({type(error).__name__})"


def _pause(header: str | None) -> float | None:
    return float(header) if header and header.isdigit() else None
