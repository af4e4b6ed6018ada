"""
Webhooks out: one POST, no redirect, a bounded answer, to addresses that are allowed.
"""

import asyncio
from types import TracebackType
from typing import Self

import aiohttp

from services.notifier.core.wire import Reply, Request
from shared.connector import PromptConnector
from shared.errors import TransientError
from shared.runtime.addresses import AddressPolicy, PolicyResolver, TargetForbidden, guarded
from shared.runtime.names import Names

ANSWER_LIMIT = 64 * 1024  # bytes of an answer that are read
# Connections at once: many slow Providers must not keep the others waiting for one.
_CONNECTIONS = 512
_PER_HOST = 8  # connections; each Provider has one request under way at most
_CONNECT = 5.0  # seconds; the Provider's timeout is for the whole


class WebhookChannel:
    """
    Sends requests; use it as an async context manager.
    """

    def __init__(self, policy: AddressPolicy, names: Names | None = None) -> None:
        self._policy = policy
        self._names = names
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """
        Open the session.
        """
        self._session = aiohttp.ClientSession(
            connector=PromptConnector(
                resolver=PolicyResolver(self._policy, self._names),
                socket_factory=guarded(self._policy),
                limit=_CONNECTIONS,
                limit_per_host=_PER_HOST,
                # A name is looked up, and judged, for each connection.
                use_dns_cache=False,
                # An address that changed hands must not get what was meant for the last one.
                force_close=True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """
        Close the session.
        """
        if self._session is not None:
            await self._session.close()

    async def send(self, request: Request) -> Reply:
        """
        Send once.

        Raises:
            TransientError: No connection, no answer in time, or it broke off.
            TargetForbidden: The address may not be reached.

        """
        if self._session is None:
            raise TransientError("the notifier is stopping")
        self._policy.check_url(request.url)
        try:
            async with asyncio.timeout(request.timeout):
                return await self._post(self._session, request)
        except TimeoutError as exc:
            raise TransientError(
                f"the provider did not answer within {request.timeout:g} s"
            ) from exc
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError):
            # The text of these shows the address, which may be a secret.
            raise TargetForbidden(
                "the address of the Provider is no http or https URL: correct it"
            ) from None
        except (aiohttp.ClientError, OSError) as exc:
            # The type only: the text may show the address.
            raise TransientError(_explain(exc)) from None

    async def _post(self, session: aiohttp.ClientSession, request: Request) -> Reply:
        async with session.post(
            request.url,
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT),
        ) as response:
            try:
                body = await _bounded(response)
            except (aiohttp.ClientError, OSError):
                # Status and headers are the answer; only Slack's API says more in the body.
                body = b""
            return Reply(
                status=response.status,
                retry_after=response.headers.get("Retry-After", ""),
                body=body,
            )


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    left = ANSWER_LIMIT
    while left > 0:
        chunk = await response.content.read(left)
        if not chunk:
            break
        parts.append(chunk)
        left -= len(chunk)
    return b"".join(parts)


def _explain(exc: Exception) -> str:
    match exc:
        case aiohttp.ClientConnectorDNSError():
            return "the host of the provider's address could not be resolved"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "the provider's TLS certificate is not trusted, or TLS failed"
        case aiohttp.ClientConnectorError():
            return "the provider could not be connected to"
        case aiohttp.ServerDisconnectedError():
            return "the provider closed the connection without an answer"
    return f"the provider did not answer as HTTP: {type(exc).__name__}"
