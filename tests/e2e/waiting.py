"""
Bounded waiting for what another process does; it offers no event to wait for.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# Several times what anything here takes on two busy cores.
WITHIN = 30.0
EVERY = 0.1


def until(what: str, look: Callable[[], T], *, within: float = WITHIN) -> T:
    """
    Look until it is true and return what was seen; fail with the last that was seen.
    """
    end = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f"not within {within:g} s: {what}; last seen: {seen!r}"
        time.sleep(EVERY)
