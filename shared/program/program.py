"""
A service as a program: its doors to cluster and bus, its Lease, and its end.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from shared.bus import Author, Bus, BusSettings, EventPublisher, Outbox
from shared.errors import SetpointError, StalledError, TransientError
from shared.kube import EventRecorder, Holder, Kube, Lease
from shared.kube.flux import refuse_beside_flux
from shared.program.reporter import BusReporter
from shared.runtime import Runtime, logs, run
from shared.runtime.process import refuse_start, write_addresses
from shared.runtime.settings import Common

RETRY = 1.0  # seconds; the API server may come later than we
_CONNECT_WAIT = 1.0  # seconds; NATS may come later than we, and a start goes on without it


class HasCommon(Protocol):
    """
    The settings of a service.
    """

    @property
    def common(self) -> Common:
        """
        Return those that all services share.
        """


Settings = TypeVar("Settings", bound=HasCommon)


def start(
    read: Callable[[], Settings],
    main: Callable[[Runtime, Settings], Awaitable[None]],
    *,
    controller: str,
) -> int:
    """
    Read the settings, run until told to stop, and return the exit code.
    """
    try:
        settings = read()
    except StalledError as error:
        return refuse_start(error)
    return run(lambda runtime: main(runtime, settings), settings.common, controller=controller)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """
    The process of one service, and its doors to cluster and bus.
    """

    runtime: Runtime
    common: Common
    name: str  # of its Lease; the API server and NATS know it by that
    controller: str  # the name by which dashboards know it
    kube: Kube
    bus: Bus
    lease: Lease

    def publisher(self) -> EventPublisher:
        """
        Return the way of events to the bus, through an outbox on disk.
        """
        author = Author(
            cluster=self.common.cluster,
            namespace=self.common.namespace,
            lease=self.name,
            controller=self.controller,
        )
        publisher = EventPublisher(self.bus, Outbox(self.common.data_dir / "outbox"), author)
        metrics = self.runtime.metrics
        metrics.watch(
            "setpoint_outbox_bytes",
            "Events on disk that NATS has not confirmed yet.",
            lambda: publisher.waiting,
        )
        metrics.count(
            "setpoint_events_refused_total",
            "Events that neither NATS nor the outbox could take.",
            lambda: publisher.refused,
        )
        return publisher

    def reporter(self, publisher: EventPublisher, recorder: EventRecorder) -> BusReporter:
        """
        Return the port ``Reporter``.
        """
        self.runtime.metrics.count(
            "setpoint_kubernetes_events_dropped_total",
            "Kubernetes Events that were not written: refused, or too many at once.",
            lambda: recorder.dropped,
        )
        told = self.runtime.metrics.events
        return BusReporter(
            publisher,
            recorder,
            cluster=self.common.cluster,
            clock=self.runtime.clock,
            count=lambda reason: told.labels(reason).inc(),
            elsewhere=lambda: self.lease.elsewhere,
        )

    async def alone(self) -> None:
        """
        Return when this service is the only one of its kind: no Flux, and the Lease is ours.

        Raises:
            StalledError: Flux's own controller works here.

        """
        while True:
            try:
                await refuse_beside_flux(
                    self.kube,
                    self.controller,
                    namespace=self.common.namespace,
                    now=self.runtime.clock.now(),
                )
            except TransientError as error:
                logs.get().info("waiting for the API server", error=error.message)
                await self.runtime.clock.sleep(RETRY)
            else:
                break
        await self.lease.acquire()

    async def stop_if_refused(self) -> None:
        """
        End the program when NATS closes the connection for good.
        """
        await self.bus.line.closed.wait()
        self.runtime.fail("NATS refuses this user: correct SETPOINT_NATS_USER or its password")

    async def serve(self, work: Coroutine[Any, Any, None]) -> None:
        """
        Do the work until told to stop; then let it end, and give the Lease back.
        """
        write_addresses(self.common.address_file, self.runtime.addresses)
        task = self.runtime.supervise(self.name, work)
        await self.runtime.stopping.wait()
        self.runtime.health.draining = True
        task.cancel()
        await asyncio.wait({task})
        await self.lease.release()


@asynccontextmanager
async def opened(
    runtime: Runtime, common: Common, *, name: str, controller: str
) -> AsyncIterator[Program]:
    """
    Open the doors of a service; whether they answer is in its health.

    Raises:
        StalledError: The data directory is used by another process, or an address cannot work.

    """
    with Holder.open(common.data_dir) as holder:
        kube = await Kube.connect(common.kubeconfig, name=name)
        try:
            bus = await Bus.connect(_bus_settings(common, name))
            try:
                runtime.health.add("nats", lambda: _trouble(bus.ping()))
                runtime.health.add("kubernetes", lambda: _trouble(kube.ping()))
                lease = Lease(
                    kube,
                    name=name,
                    namespace=common.namespace,
                    holder=holder.identity,
                    clock=runtime.clock,
                )
                _measure(runtime, bus, lease)
                yield Program(
                    runtime=runtime,
                    common=common,
                    name=name,
                    controller=controller,
                    kube=kube,
                    bus=bus,
                    lease=lease,
                )
            finally:
                await bus.close()
        finally:
            await kube.close()


def _measure(runtime: Runtime, bus: Bus, lease: Lease) -> None:
    runtime.metrics.watch(
        "setpoint_bus_connected", "1 while NATS is there, else 0.", lambda: bus.connected
    )
    runtime.metrics.watch(
        "setpoint_lease_held", "1 while this process is the one that works.", lambda: lease.held
    )


async def _trouble(ping: Awaitable[None]) -> str:
    try:
        await ping
    except SetpointError as error:
        return error.message
    return ""


def _bus_settings(common: Common, name: str) -> BusSettings:
    return BusSettings(
        url=common.nats_url,
        user=common.nats_user,
        password_file=common.nats_password_file,
        name=name,
        state=common.data_dir,
        connect_wait=_CONNECT_WAIT,
    )
