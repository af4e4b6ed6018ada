"""
The running system: start its parts together, keep them, tell what happens, stop them all.
"""

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.up import example
from cli.up.building import build_program
from cli.up.declare import apply_all, check_cluster
from cli.up.git_server import GitServer
from cli.up.keep import keep
from cli.up.narrate import Tone
from cli.up.parts import Cluster, Nats, Part
from cli.up.programs import RENDERER, ROOT
from cli.up.ready import ANSWERING, REQUESTED_AT, Readiness
from cli.up.say import Say
from cli.up.services import SERVICES, Service, service_environment
from cli.up.state import State
from cli.up.target import Target
from cli.up.watching import patiently, tell_deliveries, tell_events, tell_healed
from cli.up.webhook_page import WebhookPage
from shared.bus import Bus, BusSettings
from shared.bus.users import ADMIN
from shared.kube import Kube

Json = dict[str, Any]
# Asks for logs/audit.log, by which benchmarks count who asked the API server for what.
AUDIT = "SETPOINT_UP_AUDIT"


class System:
    """
    Everything that `setpoint up` starts.
    """

    def __init__(self, state: State, target: Target | None, say: Say) -> None:
        self._state = state
        self._target = target
        self._say = say
        self._nats = Nats(state, say.voice("nats"))
        audit = os.environ.get(AUDIT, "").strip().lower() == "yes"
        self._cluster = None if target else Cluster(state, say.voice("cluster"), audit=audit)
        self._git = GitServer()
        self._page: WebhookPage | None = None
        self._services: list[Service] = []
        self._renderer = Path()
        self._receiver_url = ""
        self._ready = False

    async def run(self) -> None:
        """
        Start, tell what happens until cancelled, and stop.

        Raises:
            UpError: Something cannot be started.

        """
        begin, since = time.monotonic(), datetime.now(UTC)
        try:
            async with AsyncExitStack() as stack:
                kube = await self._ground(stack)
                bus = await Bus.connect(self._bus_settings())
                stack.push_async_callback(bus.close)
                async with asyncio.TaskGroup() as group:
                    await self._start_services()
                    self._watch(group, bus, kube, since)
                    await self._follow_example(kube)
                    self._ready = True
                    self._write_env()
                    self._say_ready(time.monotonic() - begin)
        finally:
            await self._stop()

    async def _ground(self, stack: AsyncExitStack) -> Kube:
        """
        Start what the services stand on, all at once.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._nats.start())
            group.create_task(self._start_git())
            group.create_task(self._start_page())
            group.create_task(self._build_renderer())
            cluster = group.create_task(self._start_cluster())
        kube = cluster.result()
        stack.push_async_callback(kube.close)
        await apply_all(kube, [example.namespace()])
        return kube

    async def _start_git(self) -> None:
        await self._git.start(
            self._state.data("git"),
            ROOT / "examples",
            self._say.voice("git"),
            port=self._state.port("git"),
        )
        self._state.keep_port("git", self._git.port)

    async def _start_page(self) -> None:
        self._page = await WebhookPage.start(
            self._state.webhooks, port=self._state.port("webhooks")
        )
        self._state.keep_port("webhooks", self._page.port)
        self._say.line("webhook", f"page at {self._page.url}")

    async def _build_renderer(self) -> None:
        self._renderer = await build_program(RENDERER, report=self._say.voice("setpoint"))

    async def _start_cluster(self) -> Kube:
        if self._cluster is None:
            kube = await Kube.connect(self._kubeconfig, name="setpoint-up")
            await check_cluster(kube, example.NAMESPACE)
            return kube
        await self._cluster.start()
        self._say.line("cluster", f"Kubernetes at {self._cluster.address}")
        return await Kube.connect(self._state.kubeconfig, name="setpoint-up")

    @property
    def _kubeconfig(self) -> Path:
        return self._state.kubeconfig if self._target is None else self._state.login

    def _bus_settings(self) -> BusSettings:
        server = self._nats.server
        return BusSettings(
            url=server.address,
            user=ADMIN,
            password_file=server.password_file(ADMIN),
            name="setpoint-up",
        )

    async def _start_services(self) -> None:
        for name in SERVICES:
            environment = service_environment(
                name, self._nats.server, kubeconfig=self._kubeconfig, renderer=self._renderer
            )
            service = Service(name, self._state, environment)
            if name == "notifier":
                service.keep_receiver(self._state.port("receiver"))
            await service.start()
            self._services.append(service)
            self._say.line("setpoint", f"{name} started (process {service.pid})")

    def _watch(self, group: asyncio.TaskGroup, bus: Bus, kube: Kube, since: datetime) -> None:
        say = self._say
        parts: list[Part] = [self._nats, *self._services]
        if self._cluster is not None:
            parts.append(self._cluster)
        for part in parts:
            group.create_task(keep(part, say, self._write_env))
        group.create_task(tell_events(bus, say.fact, since))
        group.create_task(patiently(lambda: tell_healed(kube, example.NAMESPACE, say.fact)))
        group.create_task(tell_deliveries(self._state.webhooks, say.fact))

    async def _follow_example(self, kube: Kube) -> None:
        await apply_all(kube, example.definitions(ROOT / "deploy" / "crds"))
        token = self._state.token("receiver")
        asked = datetime.now(UTC).isoformat()
        declared = example.declarations(
            git_url=self._git.url, webhook_url=self._webhook_url, token=token
        )
        objects = [_asked(one, asked) for one in declared]
        await apply_all(kube, objects)
        own = [one for one in objects if ".fluxcd.io/" in one["apiVersion"]]
        readiness = Readiness(kube, tuple(own), asked)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._connect_receiver(readiness, token))
            group.create_task(readiness.wait(self._say, self._while_broken()))

    async def _connect_receiver(self, readiness: Readiness, token: str) -> None:
        notifier = self._services[SERVICES.index("notifier")]
        port = (await notifier.addresses())["receiver"]
        notifier.keep_receiver(port)
        self._state.keep_port("receiver", port)
        self._receiver_url = f"http://127.0.0.1:{port}{await readiness.webhook_path()}"
        self._git.set_receiver(self._receiver_url, token)

    @property
    def _webhook_url(self) -> str:
        return f"{self._page.url}events" if self._page else ""

    def _write_env(self) -> None:
        if not self._ready:
            return
        pids = {f"{service.name.upper()}_PID": str(service.pid) for service in self._services}
        self._state.write_env(
            {
                "KUBECONFIG": self._target.kubeconfig if self._target else str(self._kubeconfig),
                "NATS_URL": self._nats.server.url,
                "GIT_URL": self._git.url,
                "RECEIVER_URL": self._receiver_url,
                "WEBHOOK_LOG": str(self._state.webhooks),
                "WEBHOOK_PAGE": self._page.url if self._page else "",
                **pids,
                "NATS_PID": str(self._nats.pid),
            }
        )
        self._state.write_activate(Path(sys.executable).parent)

    def _while_broken(self) -> str:
        return f"git fetches from and pushes to {self._git.url}; logs are in {self._state.logs}"

    def _say_ready(self, seconds: float) -> None:
        self._say.line("setpoint", f"the example is Ready after {seconds:.1f} s", Tone.GOOD)
        activate = self._state.activate
        if activate.is_relative_to(Path.cwd()):
            activate = activate.relative_to(Path.cwd())
        self._say.block(
            [
                "",
                f"  In a second terminal:  . {activate}",
                "  and then, for example: setpoint get all",
                "                         kubectl get all -A",
                '                         git clone "$GIT_URL" example  # change, commit, push',
                "                         kubectl -n production scale deployment shop --replicas 9",
                f"  Webhooks that arrive:  {self._page.url if self._page else ''}",
                f"  What the parts log:    {self._state.logs}",
                "  Ctrl-C stops it; `make down` removes its state, too.",
                "",
            ]
        )

    async def _stop(self) -> None:
        self._state.env.unlink(missing_ok=True)
        self._say.line("setpoint", "stopping")
        # The services first: they give their Leases back.
        await asyncio.gather(*(service.stop() for service in self._services))
        ground = [self._nats.stop(), self._git.stop()]
        if self._cluster is not None:
            ground.append(self._cluster.stop())
        if self._page is not None:
            ground.append(self._page.stop())
        for outcome in await asyncio.gather(*ground, return_exceptions=True):
            if isinstance(outcome, BaseException):
                self._say.trouble("setpoint", f"not stopped as it should: {outcome!r}")
        self._say.line("setpoint", "stopped")


def _asked(declared: Json, asked: str) -> Json:
    """
    Ask for a pass, so that Ready is said about now and not about an earlier run.
    """
    if declared["kind"] not in ANSWERING:
        return declared
    meta = declared["metadata"]
    return {**declared, "metadata": {**meta, "annotations": {REQUESTED_AT: asked}}}
