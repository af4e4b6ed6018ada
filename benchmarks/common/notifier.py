"""
The notifier alone, as a process of its own, on a bus and an API server that nobody else uses.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.alerts import HOME
from benchmarks.common.floor import apply_all
from benchmarks.common.kustomizations import namespace
from benchmarks.common.processes import ground, usage
from benchmarks.common.report import say
from cli.up.cluster import DevCluster
from cli.up.declare import apply_all as serve
from cli.up.example import definitions
from cli.up.nats import NatsServer
from cli.up.programs import ROOT
from cli.up.services import Service, service_environment
from cli.up.state import State
from shared.bus import Bus, BusSettings
from shared.kube import Kube


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """
    What runs, and connections to it.
    """

    home: Path
    kube: Kube
    nats: NatsServer
    service: Service

    @asynccontextmanager
    async def bus(self, user: str) -> AsyncIterator[Bus]:
        """
        Connect as a user.
        """
        settings = BusSettings(
            url=self.nats.address, user=user, password_file=self.nats.password_file(user)
        )
        bus = await Bus.connect(settings)
        try:
            yield bus
        finally:
            await bus.close()

    def cpu(self) -> dict[str, float]:
        """
        Return the CPU seconds of each part since its start.
        """
        pids = ground(os.getpid()) | {"notifier": self.service.pid, "this program": os.getpid()}
        return {name: usage(pid).cpu for name, pid in pids.items()}


@asynccontextmanager
async def alone(home: Path) -> AsyncIterator[Alone]:
    """
    Start it, and stop it.
    """
    state = State(home / "state")
    state.logs.mkdir(parents=True)
    async with AsyncExitStack() as stack:
        nats = await NatsServer.start(home / "nats", report=say)
        stack.push_async_callback(nats.stop)
        cluster = await DevCluster.start(None, logs=state.logs, report=say)
        stack.push_async_callback(cluster.stop)
        kube = await Kube.connect(cluster.kubeconfig, name="bench")
        stack.push_async_callback(kube.close)
        await serve(kube, definitions(ROOT / "deploy" / "crds"))
        await apply_all(kube, [namespace(HOME)])
        environment = service_environment(
            "notifier", nats, kubeconfig=cluster.kubeconfig, renderer=Path()
        )
        service = Service("notifier", state, environment)
        stack.push_async_callback(service.stop)
        await service.start()
        await service.addresses()
        yield Alone(home=home, kube=kube, nats=nats, service=service)
