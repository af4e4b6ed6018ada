"""
Where an origin is: the parsed form of ``spec.url``, and nothing that could be read as more.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from shared.errors import StalledError

_PORTS = {"http": 80, "https": 443, "ssh": 22}
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?|[0-9A-Fa-f:.]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@-]*")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_SSH_USER = "git"  # what hosting services call it, where the URL names nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """
    Scheme, host, port and path of a repository; ``user`` only for ssh.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str = ""

    @classmethod
    def parse(cls, url: str) -> "Location":
        """
        Read ``spec.url``.

        Raises:
            StalledError: It is no address that may be fetched from.

        """
        if _CONTROL.search(url):
            raise _bad("holds spaces or control characters", "write them percent-encoded")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _bad("cannot be read", "write it as https://host/path") from None
        if parts.scheme not in _PORTS:
            raise _bad("is not http, https or ssh", "use one of these")
        if not parts.hostname or not _HOST.fullmatch(parts.hostname):
            raise _bad("names no valid host", "write it as https://host/path")
        if parts.query or parts.fragment or parts.path in ("", "/"):
            raise _bad("names no repository", "write the path of one, without query or fragment")
        if parts.scheme == "ssh":
            user = unquote(parts.username or _SSH_USER)
            if parts.password is not None or not _USER.fullmatch(user):
                raise _bad("has a password or an unusable user", "name a user only, as in git@host")
            if unquote(parts.path).startswith("/-") or "'" in parts.path:
                raise _bad("has a path that could be read as an option", "rename the repository")
        elif parts.username is not None:
            raise _bad("holds credentials", "put them into a Secret and name it in spec.secretRef")
        else:
            user = ""
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            path=parts.path,
            user=user,
        )

    @property
    def origin(self) -> str:
        """
        Scheme, host and port, which redirects must not leave.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __str__(self) -> str:
        return self.origin + self.path


def _bad(trouble: str, remedy: str) -> StalledError:
    # The URL itself is not shown: it may hold credentials.
    return StalledError(f"spec.url {trouble}; {remedy}", reason="URLInvalid")
