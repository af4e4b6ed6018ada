"""Whether NATS is there, as events that others wait for, and what it refuses."""

import asyncio
import re

_PUBLISH = re.compile(r'permissions violation for publish to "([^"]*)"')
_LOGIN = "authorization violation"


class Line:
    """
    Where a connection stands.

    ``up`` is set while NATS is there. ``refused`` is set while it does not let our user in: with a
    password file it may again. ``closed`` is set for good: only a new process helps.
    """

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.refused = asyncio.Event()
        self.closed = asyncio.Event()

    def __repr__(self) -> str:
        words = ("up", "refused", "closed")
        return f"<Line {' '.join(word for word in words if getattr(self, word).is_set())}>"


def says_refused(error: Exception) -> bool:
    """
    Say whether it is the server's word that it does not let us in.
    """
    return _LOGIN in str(error).lower()


def subject_refused(error: Exception) -> str:
    """
    Return the subject on which the server does not let us speak, or nothing.
    """
    found = _PUBLISH.search(str(error).lower())  # the library lowers the server's words, too
    return found[1] if found is not None else ""
