"""The notifier as a process, a place that its webhooks go to, and what the other services say."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from shared.bus import Bus
from shared.messages import Envelope, Event, InvolvedObject, subjects

ROOT = Path(__file__).parents[3]
READY = 30.0  # seconds; a start takes two, on a busy machine more


@dataclass
class Delivery:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Sink:
    """A web server that answers as its script says, and remembers what it got."""

    port: int = 0
    got: list[Delivery] = field(default_factory=list)
    scripts: dict[str, list[Callable[[web.Request], Awaitable[web.StreamResponse]]]] = field(
        default_factory=dict
    )
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def script(self, path: str, *answers: object) -> None:
        """Answer the first calls so, the later ones with 200; a number is a status."""
        self.scripts[path] = [_answer(answer) for answer in answers]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        delivery = Delivery(request.path, dict(request.headers), body, time.monotonic())
        async with self.arrived:
            self.got.append(delivery)
            self.arrived.notify_all()
        script = self.scripts.get(request.path)
        return await script.pop(0)(request) if script else web.Response()

    def at(self, path: str) -> list[Delivery]:
        return [delivery for delivery in self.got if delivery.path == path]

    async def wait(self, path: str, count: int = 1, within: float = 20.0) -> list[Delivery]:
        async with asyncio.timeout(within), self.arrived:
            await self.arrived.wait_for(lambda: len(self.at(path)) >= count)
            return self.at(path)


def _answer(answer):
    if callable(answer):
        return answer
    status, headers = answer if isinstance(answer, tuple) else (answer, {})

    async def give(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return give


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    found = Sink()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


@dataclass
class Process:
    child: asyncio.subprocess.Process
    ports: dict[str, int]
    log: Path

    async def kill(self) -> None:
        self.child.kill()
        await self.child.wait()

    async def stop(self) -> int:
        if self.child.returncode is None:
            self.child.send_signal(signal.SIGTERM)
        return await self.child.wait()

    def receiver(self, path: str) -> str:
        return f"http://127.0.0.1:{self.ports['receiver']}{path}"


def read_ports(addresses: Path) -> dict[str, int]:
    return json.loads(addresses.read_text()) if addresses.exists() else {}


class Notifier:
    """Starts the notifier on one data directory, again and again if need be."""

    def __init__(self, kubeconfig, nats, namespace, tmp_path):
        self.kubeconfig = kubeconfig
        self.nats = nats
        self.namespace = namespace
        self.data = tmp_path / "notifier"
        self.starts = 0
        self.processes: list[Process] = []

    async def start(self, *, wait: bool = True, **environment: str) -> Process:
        self.starts += 1
        log = self.data.parent / f"notifier-{self.starts}.log"
        addresses = self.data.parent / f"addresses-{self.starts}.json"
        settings = {
            "KUBECONFIG": str(self.kubeconfig),
            "SETPOINT_NATS_URL": self.nats.server.address,
            "SETPOINT_NATS_PASSWORD_FILE": str(self.nats.server.password_file("notifier")),
            "SETPOINT_DATA_DIR": str(self.data),
            "SETPOINT_NAMESPACE": self.namespace,
            "SETPOINT_ALLOWED_CIDRS": "127.0.0.0/8",
            "SETPOINT_HEALTH_ADDR": "127.0.0.1:0",
            "SETPOINT_METRICS_ADDR": "127.0.0.1:0",
            "SETPOINT_RECEIVER_ADDR": "127.0.0.1:0",
            "SETPOINT_ADDRESS_FILE": str(addresses),
        }
        with log.open("wb") as output:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services.notifier",
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], **settings, **environment},
                stdout=output,
                stderr=output,
            )
        process = Process(child, {}, log)
        self.processes.append(process)
        if wait:
            await self.ready(process, addresses)
        return process

    async def ready(self, process: Process, addresses: Path) -> None:
        trouble = "no address file"
        async with aiohttp.ClientSession() as session:
            try:
                async with asyncio.timeout(READY):
                    while True:
                        if process.child.returncode is not None:
                            pytest.fail(f"notifier ended: {process.log.read_text()}")
                        process.ports = read_ports(addresses)
                        if process.ports:
                            url = f"http://127.0.0.1:{process.ports['health']}/readyz"
                            async with session.get(url) as response:
                                trouble = await response.text()
                                if response.status == 200:
                                    return
                        await asyncio.sleep(0.05)
            except TimeoutError:
                pytest.fail(f"notifier not ready: {trouble}\n{process.log.read_text()}")

    def logs(self) -> str:
        return "".join(process.log.read_text() for process in self.processes)


@pytest.fixture
async def notifier(crds, kubeconfig, nats_server, namespaced, tmp_path):
    found = Notifier(kubeconfig, nats_server, namespaced.namespace, tmp_path)
    yield found
    for process in found.processes:
        if process.child.returncode is None:
            await process.kill()


class Declare:
    """Objects of the notification API in the test's namespace."""

    def __init__(self, kubectl):
        self.kubectl = kubectl

    def __call__(self, kind, name, spec, version="v1beta3", **metadata):
        self.kubectl(
            "apply",
            "--server-side",
            "-f",
            "-",
            stdin={
                "apiVersion": f"notification.toolkit.fluxcd.io/{version}",
                "kind": kind,
                "metadata": {"name": name, **metadata},
                "spec": spec,
            },
        )

    def secret(self, name, **entries):
        self.kubectl(
            "apply",
            "--server-side",
            "-f",
            "-",
            stdin={
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name},
                "stringData": entries,
            },
        )

    def provider(self, name, address, **spec):
        self("Provider", name, {"type": "generic", "address": address, **spec})

    def alert(self, name, provider="hook", kind="Kustomization", **spec):
        sources = [{"kind": kind, "name": "*"}]
        self("Alert", name, {"providerRef": {"name": provider}, "eventSources": sources} | spec)

    async def ready(self, kind, name, status="True"):
        async with asyncio.timeout(20):
            while True:
                found = await asyncio.to_thread(self.kubectl.json, "get", kind, name)
                conditions = {
                    item["type"]: item for item in found.get("status", {}).get("conditions", [])
                }
                ready = conditions.get("Ready", {})
                generation = found["metadata"]["generation"]
                if (ready.get("status"), ready.get("observedGeneration")) == (status, generation):
                    return found, conditions
                await asyncio.sleep(0.1)


@pytest.fixture
def declare(namespaced, crds):
    return Declare(namespaced)


class Source:
    """Says what a reconciler would say."""

    def __init__(self, bus: Bus, namespace: str) -> None:
        self.bus = bus
        self.namespace = namespace
        self.said = 0

    async def say(self, message="applied", *, id_="", severity="info", **more) -> str:
        self.said += 1
        id_ = id_ or f"event-{self.namespace}-{self.said}"
        name = more.pop("name", "app")
        kind = more.pop("kind", "Kustomization")
        event = Event(
            involved_object=InvolvedObject(
                api_version=more.pop("api_version", "kustomize.toolkit.fluxcd.io/v1"),
                kind=kind,
                name=name,
                namespace=self.namespace,
                uid="1234",
            ),
            severity=severity,
            timestamp=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
            message=message,
            reason=more.pop("reason", "ReconciliationSucceeded"),
            metadata=more.pop("metadata", {}),
            reporting_controller="kustomize-controller",
            reporting_instance="kustomize-controller-1",
        )
        subject = subjects.event("local", severity, kind, self.namespace, name)
        envelope = Envelope(
            id=id_,
            time=datetime.now(UTC),
            subject=subject,
            payload=event.model_dump(mode="json", by_alias=True),
        )
        await self.bus.publish(subject, envelope, timeout=5)
        return id_


@pytest.fixture
async def source(bus, namespaced):
    return Source(bus, namespaced.namespace)


async def eventually(look, within=20.0):
    """Return what `look` returns as soon as it is true."""
    async with asyncio.timeout(within):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.05)


@pytest.fixture
def dead_letters(bus):
    async def read():
        return [item async for item in bus.read("DEADLETTERS", "deadletters.>")]

    return read
