"""
Where webhooks arrive: each is written down with its time, its id and its body.
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fixtures.proxy import Proxy, proxy_before

Answer = int | Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    One webhook that was taken, which is to say answered with 2xx.
    """

    at: float
    sink: str
    id: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.raw)
        return found


class Sinks:
    """
    Any number of sinks, by the first part of the path.

    Attributes:
        received: What was taken, in the order of its arrival.
        attempts: How many requests came, by sink, the refused ones too.
        answers: By sink, a status or a coroutine function to answer with; without one, 200.
        proxy: The door, which can be shut, slow or silent.

    """

    def __init__(self) -> None:
        self.received: list[Delivery] = []
        self.attempts: dict[str, int] = {}
        self.answers: dict[str, Answer] = {}
        self.proxy: Proxy

    def url(self, sink: str) -> str:
        return f"http://127.0.0.1:{self.proxy.port}/{sink}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        sink = request.path.strip("/").partition("/")[0]
        self.attempts[sink] = self.attempts.get(sink, 0) + 1
        raw = await request.read()
        answer = self.answers.get(sink, 200)
        if not isinstance(answer, int):
            return await answer(request)
        if answer < 300:
            self.received.append(
                Delivery(
                    at=time.time(),
                    sink=sink,
                    id=request.headers.get("webhook-id", ""),
                    headers=dict(request.headers),
                    raw=raw,
                )
            )
        return web.Response(status=answer)


@asynccontextmanager
async def sinks() -> AsyncIterator[Sinks]:
    """
    Listen while the block runs.
    """
    found = Sinks()
    app = web.Application(client_max_size=2**22)
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with proxy_before("127.0.0.1", runner.addresses[0][1]) as proxy:
            found.proxy = proxy
            yield found
    finally:
        await runner.cleanup()
