"""
A breach: which promise was not kept, for what, what was expected and what was seen, and when.
"""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """
    One promise that was not kept; ``invariant`` is O1 to O8.
    """

    invariant: str
    object: str
    expected: str
    seen: str
    at: float = 0.0

    def __str__(self) -> str:
        when = clock(self.at) if self.at else "now"
        return f"{self.invariant} {self.object} ({when}): expected {self.expected}; {self.seen}"


def clock(at: float) -> str:
    """
    Return a time of the day for people.
    """
    return time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at * 10) % 10}"
