"""
HTTP connections of clients that are gone when they are let go.
"""

import asyncio
from functools import partial
from typing import Any

import aiohttp
from aiohttp.connector import Connection


class PromptConnector(aiohttp.TCPConnector):
    """
    Ends a connection that is not used any more without waiting for its server.

    A TLS connection that aiohttp lets go waits for the goodbye of the server, for 30 s if none
    comes, and nothing counts it meanwhile: a server that stays silent would hold a socket of ours
    for each request.
    """

    async def connect(self, *request: Any, **options: Any) -> Connection:
        """
        Return a connection for a request.
        """
        connection = await super().connect(*request, **options)
        if (transport := connection.transport) is not None:
            # Called before aiohttp closes it, or keeps it for the next request.
            connection.add_callback(partial(_end_soon, transport))
        return connection

    async def close(self, *, abort_ssl: bool = False) -> None:
        """
        Close all connections, those of requests that were given up a moment ago too.
        """
        await super().close(abort_ssl=abort_ssl)
        await asyncio.sleep(0)  # they are told to end
        await asyncio.sleep(0)  # and their sockets are closed


def _end_soon(transport: asyncio.Transport) -> None:
    asyncio.get_running_loop().call_soon(_end_if_closing, transport)


def _end_if_closing(transport: asyncio.Transport) -> None:
    if transport.is_closing():
        transport.abort()
