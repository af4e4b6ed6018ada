"""
What an orchestrator asks a process: /livez, /readyz, /healthz and /metrics.

Readiness is the pings of what the wiring built; liveness is the event loop answering at all and no
supervised task having died.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.runtime.metrics import Metrics
from shared.runtime.settings import Address

Ping = Callable[[], Awaitable[str]]  # returns "" when well, else what is missing
_PING_TIMEOUT = 3.0  # seconds; an orchestrator's probe gives up soon after


class HealthServer:
    """
    Serves the health endpoints and the metrics, on one or two addresses.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._pings: dict[str, Ping] = {}
        self._runners: list[web.AppRunner] = []
        self.draining = False
        self.fatal = ""

    def add(self, name: str, ping: Ping) -> None:
        """
        Make readiness depend on ``ping``.
        """
        self._pings[name] = ping

    async def start(self, health: Address, metrics: Address) -> tuple[int, int]:
        """
        Listen and return the two ports.
        """
        app = web.Application()
        app.router.add_get("/livez", self._live)
        app.router.add_get("/healthz", self._live)
        app.router.add_get("/readyz", self._ready)
        measured = web.Application()
        measured.router.add_get("/metrics", self._show_metrics)
        return await self._listen(app, health), await self._listen(measured, metrics)

    async def close(self) -> None:
        """
        Stop listening.
        """
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    async def _listen(self, app: web.Application, at: Address) -> int:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, at.host, at.port)
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    async def _live(self, _: web.Request) -> web.Response:
        if self.fatal:
            return web.Response(status=500, text=self.fatal + "\n")
        return web.Response(text="ok\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self.draining:
            return web.Response(status=503, text="draining\n")
        missing = [text for text in await asyncio.gather(*map(self._ping, self._pings)) if text]
        if missing:
            return web.Response(status=503, text="\n".join(missing) + "\n")
        return web.Response(text="ok\n")

    async def _ping(self, name: str) -> str:
        try:
            async with asyncio.timeout(_PING_TIMEOUT):
                trouble = await self._pings[name]()
        except TimeoutError:
            trouble = f"no answer within {_PING_TIMEOUT:.0f} s"
        return f"{name}: {trouble}" if trouble else ""

    async def _show_metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._metrics.registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )
