"""
HTTP to one origin: vetted addresses only, no redirect to elsewhere, a bound on every wait.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NewConnectionError
from urllib3.util import parse_url

CONNECT_TIMEOUT = 10.0  # seconds
IDLE_TIMEOUT = 30.0  # seconds in which the origin sends nothing
_REDIRECTS = 5  # within the origin; more is a loop
_PORTS = {"http": 80, "https": 443}
_OK = 200
_REDIRECT = frozenset({301, 302, 303, 307, 308})


class HttpRefusal(Exception):  # noqa: N818 - an answer of the origin, not a fault of ours
    """
    The origin answered with another status than 200.
    """

    def __init__(self, status: int, retry_after: float | None = None, target: str = "") -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status
        self.retry_after = retry_after
        self.target = target


class NotGit(Exception):  # noqa: N818 - an answer of the origin, not a fault of ours
    """
    The origin does not speak the smart HTTP protocol.
    """


class OriginPool(urllib3.PoolManager):
    """
    Connections to one origin.
    """

    def __init__(
        self,
        origin: str,
        addresses: Sequence[str],
        headers: Mapping[str, str],
        hear: Callable[[int], None],
        **tls: Any,
    ) -> None:
        super().__init__(
            headers=dict(headers),
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=IDLE_TIMEOUT),
            retries=False,
            **tls,
        )
        self._origin = origin_of(origin)
        self._hear = hear
        self.pool_classes_by_scheme = _pools(addresses)

    def urlopen(  # type: ignore[override]  # the library's two signatures are one here
        self, method: str, url: str, **kw: Any
    ) -> urllib3.BaseHTTPResponse:
        """
        Send a request; follow redirects inside the origin only.
        """
        for _ in range(_REDIRECTS):
            if origin_of(url) != self._origin:
                raise HttpRefusal(302, target=origin_of(url))
            response = super().urlopen(method, url, **{**kw, "redirect": False})
            if response.status == _OK:
                _refuse_other_than_git(response)
                return _counted(response, self._hear)
            target = response.headers.get("Location")
            response.close()
            if response.status not in _REDIRECT or not target or method != "GET":
                break
            url = urljoin(url, target)
        raise HttpRefusal(response.status, _seconds(response.headers.get("Retry-After")))


def _refuse_other_than_git(response: urllib3.BaseHTTPResponse) -> None:
    # The library would take any other answer for a directory of files and begin to read it.
    if not response.headers.get("Content-Type", "").startswith("application/x-git-"):
        response.close()
        raise NotGit


def _counted(
    response: urllib3.BaseHTTPResponse, hear: Callable[[int], None]
) -> urllib3.BaseHTTPResponse:
    read = response.read

    def counted(*args: Any, **kw: Any) -> bytes:
        data = read(*args, **kw)
        hear(len(data))
        return data

    response.read = counted  # type: ignore[method-assign]  # the library reads by nothing else
    return response


def origin_of(url: str) -> str:
    """
    Return scheme, host and port of a URL, or "" if it has none that can be dialled.
    """
    # By the reader of the library that dials: others find another host in the same text.
    try:
        parts = parse_url(url)
    except LocationParseError:
        return ""
    if parts.scheme not in _PORTS or not parts.host:
        return ""
    return f"{parts.scheme}://{parts.host}:{parts.port or _PORTS[parts.scheme]}"


def dial(addresses: Sequence[str], port: int, timeout: float = CONNECT_TIMEOUT) -> socket.socket:
    """
    Connect to the first of the addresses that answers.
    """
    trouble: OSError = OSError("the name has no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout)
        except OSError as exc:
            trouble = exc
    raise trouble


def _pools(addresses: Sequence[str]) -> dict[str, type[HTTPConnectionPool]]:
    class Checked(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            try:
                found = dial(addresses, self.port or 0)
            except TimeoutError as exc:
                raise ConnectTimeoutError(self, "no answer") from exc
            except OSError as exc:
                raise NewConnectionError(self, exc.strerror or str(exc)) from exc
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return found

    class CheckedTls(Checked, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Checked

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = CheckedTls

    return {"http": Pool, "https": TlsPool}


def _seconds(text: str | None) -> float | None:
    # A date is allowed too, but nobody that we know sends one here.
    return float(text) if text is not None and text.isdigit() else None
