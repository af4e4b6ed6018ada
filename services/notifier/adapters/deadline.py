"""
A listener in front of aiohttp's server: a limit of connections, and of the time to send a header.

The server itself would wait for the rest of a header as long as the other side likes. Where all
places are taken, the oldest connection that has asked for nothing of ours gives its place up:
whoever holds many keeps nobody out.
"""

import asyncio
from collections.abc import Callable

_HEADER_TIMEOUT = 10.0  # seconds from the connection to the end of the header
_CONNECTIONS = 512  # at once; a forge needs a handful, a flood gets no memory
_END = b"\r\n\r\n"


class DeadlineServer:
    """
    Listens, and hands connections on.
    """

    def __init__(self, factory: Callable[[], asyncio.Protocol]) -> None:
        self._factory = factory
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.BaseTransport] = set()
        # Those that give way, oldest first.
        self._idle: dict[asyncio.BaseTransport, asyncio.Transport] = {}
        self.port = 0

    @classmethod
    async def listen(
        cls, factory: Callable[[], asyncio.Protocol], host: str, port: int
    ) -> "DeadlineServer":
        """
        Begin to listen.
        """
        self = cls(factory)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Guarded(self, factory()), host, port, backlog=_CONNECTIONS
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def close(self) -> None:
        """
        Listen no longer.
        """
        if self._server is not None:
            self._server.close()

    def opened(self, transport: asyncio.Transport) -> None:
        """
        Give a connection a place, if need be that of an older one.
        """
        self._open.add(transport)
        self._idle[transport] = transport
        if len(self._open) > _CONNECTIONS:
            oldest = next(iter(self._idle.values()))
            self.closed(oldest)
            oldest.abort()

    def engage(self, transport: asyncio.BaseTransport | None) -> None:
        """
        Let a connection keep its place: it asks for what is there.
        """
        if transport is not None:
            self._idle.pop(transport, None)

    def closed(self, transport: asyncio.Transport) -> None:
        """
        Take a place back.
        """
        self._open.discard(transport)
        self._idle.pop(transport, None)


class _Guarded(asyncio.Protocol):
    """
    Hands everything on to the protocol inside, until a deadline is missed.
    """

    def __init__(self, server: DeadlineServer, inner: asyncio.Protocol) -> None:
        self._server = server
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._begun = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- what a TCP server gives
        self._transport = transport
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(_HEADER_TIMEOUT, transport.abort)
        self._inner.connection_made(transport)
        self._server.opened(transport)

    def data_received(self, data: bytes) -> None:
        if not self._begun:
            # Empty lines before a request are no header that has ended, and the server inside
            # would wait behind them for ever.
            data = data.lstrip(b"\r\n")
            if not data:
                return
            self._begun = True
        if self._deadline is not None:
            seen = self._tail + data
            if _END in seen:
                self._deadline.cancel()
                self._deadline = None
            self._tail = seen[1 - len(_END) :]
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._server.closed(self._transport)
        if self._deadline is not None:
            self._deadline.cancel()
        self._inner.connection_lost(exc)
