"""
Start everything together, give it to a test, and end it.
"""

import hashlib
import hmac
import secrets
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import aiohttp

from cli.up.cluster import DevCluster
from cli.up.declare import apply_all, resource_of
from cli.up.example import definitions
from cli.up.programs import DEVCLUSTER, RENDERER, build
from cli.up.services import SERVICES, service_environment
from shared.kube import Kube
from tests.faults.system import declared, ground
from tests.faults.system.services import ROOT, Service
from tests.faults.system.sinks import Sinks, sinks
from tests.fixtures.api_proxy import ApiProxy, api_proxy
from tests.fixtures.nats import ignore
from tests.fixtures.proxy import Proxy, proxy_before

ADMIN = "faults"  # our own requests in the audit log


@dataclass(slots=True, kw_only=True)
class System:
    """
    The running system.

    ``kube`` goes straight to the API server; the services go through ``api``, which is a proxy of
    bytes or, where it was asked for, ``http``, one that knows requests.
    """

    folder: Path
    cluster: DevCluster
    kube: Kube
    api: Proxy
    http: ApiProxy | None
    nats: ground.Nats
    git: ground.Git
    sinks: Sinks
    tokens: Mapping[str, str]
    receiver_port: int
    services: dict[str, Service] = field(default_factory=dict)

    @property
    def audit_log(self) -> Path:
        return self.folder / "cluster" / "audit.log"

    @property
    def source(self) -> Service:
        return self.services["source"]

    @property
    def reconciler(self) -> Service:
        return self.services["reconciler"]

    @property
    def notifier(self) -> Service:
        return self.services["notifier"]

    async def stop_cluster(self) -> None:
        """
        End the API server and its store.
        """
        await self.cluster.stop()

    async def start_cluster(self) -> None:
        """
        Start it again on what it has, at its port.
        """
        port = int(self.cluster.address.rpartition(":")[2])
        self.cluster = await ground.start_cluster(self.folder / "cluster", port=port)

    async def poke(self) -> int:
        """
        Call the receiver as a forge does after a push; return its answer, 0 if there was none.
        """
        token = self.tokens["receiver"]
        text = f"{token}{declared.RECEIVER}{declared.NAMESPACE}"
        path = f"/hook/{hashlib.sha256(text.encode()).hexdigest()}"
        body = b"{}"
        signed = hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session,
                session.post(
                    f"http://127.0.0.1:{self.receiver_port}{path}",
                    data=body,
                    headers={"X-Signature": f"sha256={signed}"},
                ) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def apply(self, obj: dict[str, Any]) -> dict[str, Any]:
        """
        Apply an object as the administrator.
        """
        return await self.kube.apply(await resource_of(self.kube, obj), obj, manager=ADMIN)


@asynccontextmanager
async def faulted(
    folder: Path,
    *,
    api: Literal["tcp", "http"] = "tcp",
    interval: str = "5s",
    environment: Mapping[str, Mapping[str, str]] | None = None,
) -> AsyncIterator[System]:
    """
    Run the whole system on real parts, with a source, two Providers and a Receiver declared.

    Args:
        folder: An empty folder for all its state and logs.
        api: Whether the services' way to the API server is a proxy of bytes or of requests.
        interval: How often the source is looked at; short, so that lost hints do not matter.
        environment: Settings by service.

    """
    build(DEVCLUSTER, report=ignore)
    renderer = build(RENDERER, report=ignore)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        cluster = await enter(ground.cluster(folder / "cluster"))
        nats, git = (
            await enter(ground.nats(folder / "nats")),
            await enter(ground.git(folder / "git")),
        )
        port = int(cluster.address.rpartition(":")[2])
        door = await enter(proxy_before("127.0.0.1", port))
        kubeconfig = ground.through(
            cluster.kubeconfig, f"https://127.0.0.1:{door.port}", folder / "kubeconfig"
        )
        http = await enter(api_proxy(kubeconfig)) if api == "http" else None
        kube = await Kube.connect(cluster.kubeconfig, name=ADMIN)
        stack.push_async_callback(kube.close)
        system = System(
            folder=folder,
            cluster=cluster,
            kube=kube,
            api=door,
            http=http,
            nats=nats,
            git=git,
            sinks=await enter(sinks()),
            tokens={name: f"canary-{secrets.token_hex(16)}" for name in ("signed", "receiver")},
            # After each kill the notifier comes back to it: whoever pokes knows it.
            receiver_port=stack.enter_context(_kept_port()),
        )
        # It may be another one by then than that which was started first.
        stack.push_async_callback(system.stop_cluster)
        await _declare(system, interval)
        login = http.kubeconfig(folder) if http is not None else kubeconfig
        for name in SERVICES:
            settings = service_environment(name, nats.server, kubeconfig=login, renderer=renderer)
            settings |= {"SETPOINT_NATS_URL": nats.address}
            if name == "notifier":
                settings["SETPOINT_RECEIVER_ADDR"] = f"127.0.0.1:{system.receiver_port}"
            settings |= (environment or {}).get(name, {})
            service = system.services[name] = Service(name, folder, settings)
            await service.start()
            stack.push_async_callback(service.stop)
        for service in system.services.values():
            await service.ports()
        yield system


async def _declare(system: System, interval: str) -> None:
    urls = {name: system.sinks.url(name) for name in (declared.PLAIN, declared.SIGNED)}
    await apply_all(system.kube, definitions(ROOT / "deploy" / "crds"))
    await apply_all(system.kube, [declared.namespace()])
    objects = [
        *declared.notifications(urls, system.tokens),
        declared.source(system.git.url, interval),
    ]
    await apply_all(system.kube, objects)


@contextmanager
def _kept_port() -> Iterator[int]:
    """
    Keep a port that the system gives to nobody else while its one server comes and goes.
    """
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]
