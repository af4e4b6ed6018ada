"""
Values of the Authorization header: fixed, from a file that is renewed, or from a plugin.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from shared.kube.errors import Unauthorized

TOKEN_PERIOD = 60.0  # seconds; the kubelet renews a token long before it expires
SKEW = 60.0  # seconds before a plugin's credential expires


class Credentials(Protocol):
    """
    The identity of a session.
    """

    async def header(self) -> str:
        """
        Return the Authorization header, empty if there is none.
        """

    def rejected(self) -> bool:
        """
        Forget what was refused; say whether another try can give something new.
        """


class Fixed:
    """
    A token or password out of a kubeconfig.
    """

    def __init__(self, value: str) -> None:
        self._value = value

    async def header(self) -> str:
        """
        Return the Authorization header.
        """
        return self._value

    def rejected(self) -> bool:
        """
        Say that there is nothing else.
        """
        return False


class TokenFile:
    """
    A token that somebody renews in a file, as the kubelet does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._value = ""
        self._read_at = -TOKEN_PERIOD

    async def header(self) -> str:
        """
        Return the Authorization header, reading the file at most once a minute.
        """
        if not self._value or time.monotonic() - self._read_at > TOKEN_PERIOD:
            self._read()
        return self._value

    def rejected(self) -> bool:
        """
        Read the file at once and say whether it has another token.
        """
        before = self._value
        self._read()
        return self._value != before

    def _read(self) -> None:
        try:
            token = self._path.read_text().strip()
        except OSError as exc:
            if self._value:
                return  # being replaced just now: what we have may still be good
            raise Unauthorized(
                f"the token at {self._path} cannot be read ({exc.strerror}); mount it"
            ) from exc
        self._value = f"Bearer {token}"
        self._read_at = time.monotonic()


class Plugin:
    """
    A credential that a program gives, as people's kubeconfigs have it.
    """

    def __init__(self, run: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        self._run = run
        self._value = ""
        self._expires = 0.0
        self._known = False
        self._lock = asyncio.Lock()

    async def header(self) -> str:
        """
        Return the Authorization header, running the program if the last one has expired.
        """
        if not self._valid():
            async with self._lock:
                if not self._valid():
                    await self._refresh()
        return self._value

    def rejected(self) -> bool:
        """
        Forget the credential; the program can give another.
        """
        had, self._known = self._known, False
        return had

    def _valid(self) -> bool:
        return self._known and time.time() < self._expires

    async def _refresh(self) -> None:
        try:
            status = await self._run()
        except Exception as exc:  # the plugin is not ours: it can fail in every way
            raise Unauthorized(
                f"the credential plugin of the kubeconfig failed ({type(exc).__name__});"
                " run it by hand to see why"
            ) from exc
        expiry = status.get("expirationTimestamp")
        try:
            self._expires = _seconds(str(expiry)) - SKEW if expiry else float("inf")
        except (ValueError, OverflowError):
            raise Unauthorized(
                "the credential plugin of the kubeconfig gives an expirationTimestamp that is no"
                " time of RFC 3339; correct or update the plugin"
            ) from None
        token = status.get("token")
        self._value = f"Bearer {token}" if token else ""
        self._known = True


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
