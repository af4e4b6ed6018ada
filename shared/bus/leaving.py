"""
Leave the client library so that nothing of it goes on trying.

Where an answer comes in the moment of a cancellation it takes the one and forgets the other
(`asyncio.wait_for` of Python 3.11): an attempt to connect goes on for ever, and a connection that
is on its way back comes back after it was closed.
"""

import asyncio
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

CLOSE_TIMEOUT = 2.0  # seconds; a stopped server must not hold us
_AGAIN = 0.1  # seconds


async def leave(client: Client) -> None:
    """
    Send what waits and close the connection, or give up on its way back.
    """
    # The library waits for it only as long as for one pause between attempts.
    await end(client._reconnection_task)  # noqa: SLF001 -- it has no other way to be ended
    # A timeout is an OSError; the assertion says that the library was never started.
    with suppress(NatsError, OSError, AssertionError):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await client.close()


async def end(task: asyncio.Task[Any] | None) -> None:
    """
    Cancel a task until it ends.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN)
