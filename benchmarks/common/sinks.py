"""
Where webhooks arrive: what came, when and in which order; and two addresses that are dead.
"""

import asyncio
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from benchmarks.common.alerts import number_in

HANGING = "hanging"


class Sinks:
    """
    Any number of sinks, by the path; each notes the number in a message and when it came.
    """

    def __init__(self) -> None:
        self.came: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        self.seen: defaultdict[str, set[int]] = defaultdict(set)
        self.others: list[str] = []
        self.news = asyncio.Event()
        self.over = asyncio.Event()
        self.port = 0
        # Bound and never listening: whoever connects is refused, and nobody else gets the port.
        self._closed = socket.socket()
        self._closed.bind(("127.0.0.1", 0))

    def url(self, sink: str) -> str:
        """
        Return the address of a sink; ``hanging`` takes a request and never answers.
        """
        return f"http://127.0.0.1:{self.port}/{sink}"

    @property
    def refused(self) -> str:
        """
        Return an address where nobody listens.
        """
        return f"http://127.0.0.1:{self._closed.getsockname()[1]}/"

    async def handle(self, request: web.Request) -> web.Response:
        at, sink = time.monotonic(), request.path.strip("/")
        text = await request.text()
        if sink == HANGING:
            await self.over.wait()
            return web.Response(status=503)
        number = number_in(text)
        if number is None:
            self.others.append(f"{sink}: {text[:300]}")  # an event that nobody measures
            return web.Response()
        self.came[sink].append((at, number))
        self.seen[sink].add(number)
        self.news.set()
        return web.Response()

    def close(self) -> None:
        self.over.set()
        self._closed.close()


@asynccontextmanager
async def sinks() -> AsyncIterator[Sinks]:
    """
    Listen while the block runs.
    """
    found = Sinks()
    app = web.Application()
    app.router.add_post("/{sink}", found.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
        found.port = runner.addresses[0][1]
        yield found
    finally:
        found.close()
        await runner.cleanup()
