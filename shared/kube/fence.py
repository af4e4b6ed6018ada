"""
A last look whether a write may be sent: it may have waited, and its process may have stood still.

A request waits for its turn, for a pause that the API server asked for, for a connection. Who lost
its Lease meanwhile would make again what the new holder has deleted.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aiohttp.connector import Connection

from shared.connector import PromptConnector


def _nothing() -> None: ...


_CHECK: ContextVar[Callable[[], None]] = ContextVar("check", default=_nothing)


@contextmanager
def fenced(check: Callable[[], None]) -> Iterator[None]:
    """
    Check now, and again when each request of the block has a connection and is about to be sent.

    What the check raises is what the request ends with.
    """
    check()
    before = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(before)


class FencedConnector(PromptConnector):
    """
    Hands a connection out only to who may send at that moment.
    """

    async def connect(self, *request: Any, **options: Any) -> Connection:
        """
        Return a connection for a request.
        """
        connection = await super().connect(*request, **options)
        try:
            _CHECK.get()()
        except BaseException:
            connection.release()
            raise
        return connection
