"""
Bounded waiting for what another process does, while the workload goes on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

EVERY = 0.2  # seconds between looks


async def eventually(
    what: str, look: Callable[[], Awaitable[bool]], *, within: float = 30.0
) -> None:
    """
    Look until it is true; fail if it is not in time.
    """
    end = time.monotonic() + within
    while not await look():
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        await asyncio.sleep(EVERY)
