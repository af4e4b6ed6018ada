"""
End a task that may forget that it was cancelled.

Where an answer comes in the moment of a cancellation, `asyncio.wait_for` of Python 3.11 takes the
one and forgets the other. The client library connects by it: an attempt goes on for ever, and a
connection that is on its way back comes back after it was closed.
"""

import asyncio
from typing import Any

_AGAIN = 0.1  # seconds


async def end(task: asyncio.Task[Any] | None) -> None:
    """
    Cancel a task until it ends.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN)
