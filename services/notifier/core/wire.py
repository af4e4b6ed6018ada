"""
What goes out and what comes back: one request, one reply, one verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    A POST that is ready to be sent. Address, headers and body may hold secrets and never show.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    timeout: float


@dataclass(frozen=True, slots=True)
class Skipped:
    """
    This type of provider does not take this event.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    What the other side said, its body cut.
    """

    status: int
    retry_after: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Accepted:
    """
    The other side has it.
    """


@dataclass(frozen=True, slots=True)
class Refused:
    """
    The other side will never take it.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """
    The other side may take it later; ``after`` is how long it asked us to wait.
    """

    reason: str
    after: float | None = None


Verdict = Accepted | Refused | Later
