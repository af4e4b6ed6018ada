"""
The composition root of the source service: the only place that builds adapters.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack

from services.source.adapters.announcer import BusAnnouncer
from services.source.adapters.declarations import KubeDeclarations
from services.source.adapters.origin import GitOrigin
from services.source.adapters.reporter import BusReporter
from services.source.adapters.store import BusStore
from services.source.adapters.workers import Workers
from services.source.collect import Collect
from services.source.core.declaration import KIND
from services.source.core.events import CONTROLLER
from services.source.core.retention import Retention
from services.source.fetch import Fetch
from services.source.publish import Publish
from services.source.service import SourceService, Steps
from services.source.settings import Settings
from shared.bus import Ack, Author, Bus, BusSettings, EventPublisher, Outbox, Outcome, Received
from shared.bus.streams import ARTIFACTS, DECLARED_BY, REVISIONS
from shared.errors import SetpointError, StalledError, TransientError
from shared.kube import EventRecorder, Holder, Kube, Lease
from shared.kube.flux import refuse_beside_flux
from shared.messages import Command, payload_as, subjects
from shared.runtime import Runtime, logs, run
from shared.runtime.addresses import AddressPolicy
from shared.runtime.control_plane import ControlPlane
from shared.runtime.process import refuse_start, write_addresses

NAME = "setpoint-source"
_RETRY = 1.0  # seconds; the API server may come later than we
_WIPED = frozenset({REVISIONS.name, ARTIFACTS.name})


def start() -> int:
    """
    Read the settings, run until told to stop, and return the exit code.
    """
    try:
        settings = Settings.from_environment()
    except StalledError as error:
        return refuse_start(error)
    return run(lambda runtime: _main(runtime, settings), settings.common, controller=CONTROLLER)


async def _main(runtime: Runtime, settings: Settings) -> None:
    common = settings.common
    async with AsyncExitStack() as stack:
        holder = stack.enter_context(Holder.open(common.data_dir))
        kube = await Kube.connect(common.kubeconfig, name=NAME)
        stack.push_async_callback(kube.close)
        bus = await Bus.connect(_bus_settings(settings))
        stack.push_async_callback(bus.close)
        workers = Workers(settings.concurrent, common.data_dir / "git")
        stack.push_async_callback(workers.close)
        lease = Lease(
            kube,
            name=NAME,
            namespace=common.namespace,
            holder=holder.identity,
            clock=runtime.clock,
        )
        _watch_health(runtime, kube, bus)
        write_addresses(common.address_file, runtime.addresses)
        program = _Program(runtime, settings, kube, bus, lease)
        work = runtime.supervise("source", program.serve(workers))
        await runtime.stopping.wait()
        runtime.health.draining = True
        work.cancel()
        await asyncio.wait({work})
        await lease.release()


class _Program:
    """
    What runs beside the service: the Lease, the outbox, the commands, the word of a wipe.
    """

    def __init__(
        self, runtime: Runtime, settings: Settings, kube: Kube, bus: Bus, lease: Lease
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._kube = kube
        self._bus = bus
        self._lease = lease
        self._recorder = EventRecorder(kube)
        common = settings.common
        self._policy = AddressPolicy(common.allowed_cidrs)
        self._control_plane = ControlPlane(kube.address, common.nats_url)
        author = Author(
            cluster=common.cluster, namespace=common.namespace, lease=NAME, controller=CONTROLLER
        )
        self._publisher = EventPublisher(bus, Outbox(common.data_dir / "outbox"), author)

    async def serve(self, workers: Workers) -> None:
        """
        Wait until this service is alone, then run it.
        """
        await workers.start()
        await self._alone()
        await self._lease.acquire()
        await self._control_plane.look(self._policy)
        service = self._build(workers)

        async def on_wipe(stream: str) -> None:
            if stream in _WIPED:
                service.renew(wiped=True)

        self._bus.on_wipe(on_wipe)
        await self._bus.declare(*DECLARED_BY["source"])
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lease.renewing(), name="lease")
            group.create_task(self._stop_if_refused(), name="bus watch")
            group.create_task(self._publisher.run(), name="outbox")
            group.create_task(self._recorder.run(), name="events")
            follow = self._control_plane.follow(self._policy, self._runtime.clock)
            group.create_task(follow, name="control plane")
            group.create_task(self._commands(service), name="commands")
            group.create_task(self._reconnects(service), name="reconnects")
            group.create_task(service.run(), name="service")

    def _build(self, workers: Workers) -> SourceService:
        common, clock = self._settings.common, self._runtime.clock
        declarations = KubeDeclarations(self._kube, self._lease, selector=self._settings.selector)
        store = BusStore(self._bus.objects, common.data_dir / "artifacts")
        announcer = BusAnnouncer(self._bus, cluster=common.cluster, clock=clock)
        reporter = BusReporter(self._publisher, self._recorder, cluster=common.cluster, clock=clock)
        origin = GitOrigin(workers, self._policy)
        publish = Publish(
            store, announcer, declarations, reporter, clock, url=self._settings.artifact_url
        )
        steps = Steps(
            fetch=Fetch(origin, store, declarations),
            publish=publish,
            collect=Collect(store, announcer, clock, Retention()),
        )
        return SourceService(
            steps,
            declarations,
            clock,
            backoff=self._settings.backoff,
            jitter=self._settings.jitter,
            measure=self._measure,
        )

    def _measure(self, key: tuple[str, str], seconds: float | None) -> None:
        metrics, (namespace, name) = self._runtime.metrics, key
        if seconds is None:
            metrics.forget(kind=KIND, namespace=namespace, name=name)
        else:
            metrics.reconcile_duration.labels(KIND, name, namespace).observe(seconds)

    async def _commands(self, service: SourceService) -> None:
        async def handle(received: Received) -> Outcome:
            # Acknowledged before the look: a crash in between starts with a look at everything.
            service.command(payload_as(received.envelope, Command))
            return Ack()

        await self._bus.consume(
            subjects.COMMANDS,
            durable="source",
            filters=[f"commands.{self._settings.common.cluster}.{KIND}.>"],
            handler=handle,
        )

    async def _reconnects(self, service: SourceService) -> None:
        while True:
            await self._bus.up.wait()
            service.renew(wiped=False)
            while self._bus.up.is_set():
                await self._runtime.clock.sleep(_RETRY)

    async def _alone(self) -> None:
        while True:
            try:
                await refuse_beside_flux(
                    self._kube,
                    CONTROLLER,
                    namespace=self._settings.common.namespace,
                    now=self._runtime.clock.now(),
                )
            except TransientError as error:
                logs.get().info("waiting for the API server", error=error.message)
                await self._runtime.clock.sleep(_RETRY)
            else:
                return

    async def _stop_if_refused(self) -> None:
        await self._bus.closed.wait()
        self._runtime.fail("NATS refuses this user: correct SETPOINT_NATS_USER or its password")


def _watch_health(runtime: Runtime, kube: Kube, bus: Bus) -> None:
    async def nats() -> str:
        return await _trouble(bus.ping())

    async def api_server() -> str:
        return await _trouble(kube.ping())

    runtime.health.add("nats", nats)
    runtime.health.add("kubernetes", api_server)


async def _trouble(ping: Awaitable[None]) -> str:
    try:
        await ping
    except SetpointError as error:
        return error.message
    return ""


def _bus_settings(settings: Settings) -> BusSettings:
    common = settings.common
    return BusSettings(
        url=common.nats_url,
        user=common.nats_user,
        password_file=settings.nats_password_file,
        name=NAME,
        state=common.data_dir,
        connect_wait=1.0,
    )
