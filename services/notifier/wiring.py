"""
The composition root of the notifier: the only place that builds adapters.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack

from services.notifier.adapters.cluster import KubeDeclarations
from services.notifier.adapters.delivered import DeliveredFile
from services.notifier.adapters.http import WebhookChannel
from services.notifier.adapters.letters import BusLetters
from services.notifier.adapters.reset import ResetFile
from services.notifier.adapters.web import WebServer
from services.notifier.adapters.witness import MeteredRecorder
from services.notifier.announce import LEASE, Announce
from services.notifier.core.catalog import Catalog
from services.notifier.core.reset import CONTROLLER
from services.notifier.deliver import Deliver
from services.notifier.dispatch import Dispatch
from services.notifier.lanes import Lanes
from services.notifier.receive import Receive
from services.notifier.report import Report
from services.notifier.service import Service, Steps
from services.notifier.settings import Settings
from shared.bus import Bus, BusSettings
from shared.bus.streams import DECLARED_BY
from shared.errors import SetpointError, StalledError, TransientError
from shared.kube import Kube
from shared.kube.events import EventRecorder
from shared.kube.flux import refuse_beside_flux
from shared.kube.holder import Holder
from shared.kube.lease import Lease
from shared.messages import subjects
from shared.runtime import Runtime, logs, run
from shared.runtime.addresses import AddressPolicy
from shared.runtime.control_plane import ControlPlane
from shared.runtime.process import refuse_start, write_addresses

_RETRY = 1.0  # seconds; the API server may come later than we
_WIPED = frozenset({subjects.EVENTS, subjects.DELIVERIES})


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
        kube = await Kube.connect(common.kubeconfig, name=LEASE)
        stack.push_async_callback(kube.close)
        policy = AddressPolicy(common.allowed_cidrs)
        control_plane = ControlPlane(kube.address, common.nats_url)
        await control_plane.look(policy)
        runtime.supervise("control plane", control_plane.follow(policy, runtime.clock))
        bus = await Bus.connect(_bus_settings(settings))
        stack.push_async_callback(bus.close)
        channel = await stack.enter_async_context(WebhookChannel(policy))
        lease = Lease(
            kube,
            name=LEASE,
            namespace=common.namespace,
            holder=holder.identity,
            clock=runtime.clock,
        )
        service, receive = _build(runtime, settings, kube, bus, channel, policy)
        web = WebServer(receive)
        runtime.addresses["receiver"] = await web.start(settings.receiver)
        stack.push_async_callback(web.close)
        _watch_health(runtime, kube, bus, service)
        write_addresses(common.address_file, runtime.addresses)
        work = runtime.supervise("notifier", _serve(runtime, settings, kube, bus, lease, service))
        await runtime.stopping.wait()
        runtime.health.draining = True
        work.cancel()
        await asyncio.wait({work})
        await lease.release()


async def _serve(
    runtime: Runtime,
    settings: Settings,
    kube: Kube,
    bus: Bus,
    lease: Lease,
    service: Service,
) -> None:
    await _alone(runtime, settings, kube)
    await lease.acquire()
    await bus.declare(*DECLARED_BY["notifier"])
    async with asyncio.TaskGroup() as group:
        group.create_task(lease.renewing(), name="lease")
        group.create_task(_stop_if_replaced(runtime, lease), name="lease watch")
        group.create_task(_stop_if_refused(runtime, bus), name="bus watch")
        group.create_task(service.run(), name="service")


async def _alone(runtime: Runtime, settings: Settings, kube: Kube) -> None:
    while True:
        try:
            await refuse_beside_flux(
                kube, CONTROLLER, namespace=settings.common.namespace, now=runtime.clock.now()
            )
        except TransientError as error:
            logs.get().info("waiting for the API server", error=error.message)
            await runtime.clock.sleep(_RETRY)
        else:
            return


async def _stop_if_replaced(runtime: Runtime, lease: Lease) -> None:
    # While only the API server is away, deliveries go on; another holder ends them.
    while not lease.other:
        await runtime.clock.sleep(_RETRY)
    runtime.fail(f"the Lease {lease} was taken by {lease.other}: only one notifier works")


async def _stop_if_refused(runtime: Runtime, bus: Bus) -> None:
    await bus.closed.wait()
    runtime.fail("NATS refuses this user: correct SETPOINT_NATS_USER or its password")


def _build(
    runtime: Runtime,
    settings: Settings,
    kube: Kube,
    bus: Bus,
    channel: WebhookChannel,
    policy: AddressPolicy,
) -> tuple[Service, Receive]:
    common, clock = settings.common, runtime.clock
    catalog = Catalog()
    declarations = KubeDeclarations(kube)
    letters = BusLetters(bus, cluster=common.cluster, clock=clock)
    memory = DeliveredFile(common.data_dir / "delivered", clock)
    memory.open()
    recorder = EventRecorder(kube)
    runtime.supervise("kubernetes events", recorder.run())
    deliver = Deliver(
        catalog=catalog,
        declarations=declarations,
        channel=channel,
        letters=letters,
        memory=memory,
        witness=MeteredRecorder(runtime.metrics.registry, recorder),
        clock=clock,
    )
    announce = Announce(
        declarations,
        letters,
        ResetFile(common.data_dir / "bus-reset"),
        clock,
        cluster=common.cluster,
        namespace=common.namespace,
    )
    receive = Receive(catalog, declarations, letters, clock)

    async def on_wipe(stream: str) -> None:
        if stream in _WIPED:
            announce.wiped()

    bus.on_wipe(on_wipe)
    steps = Steps(
        dispatch=Dispatch(catalog, declarations, letters, clock),
        deliver=deliver,
        receive=receive,
        report=Report(
            catalog,
            declarations,
            clock,
            check_address=policy.check_url,
            cross_namespace=not settings.no_cross_namespace_refs,
        ),
        announce=announce,
        lanes=Lanes(catalog, letters, deliver.deliver),
    )
    service = Service(
        steps=steps, catalog=catalog, declarations=declarations, bus=letters, clock=clock
    )
    return service, receive


def _watch_health(runtime: Runtime, kube: Kube, bus: Bus, service: Service) -> None:
    async def nats() -> str:
        return await _trouble(bus.ping())

    async def api_server() -> str:
        return await _trouble(kube.ping())

    async def declarations() -> str:
        return service.missing

    runtime.health.add("nats", nats)
    runtime.health.add("kubernetes", api_server)
    runtime.health.add("declarations", declarations)


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
        name=LEASE,
        state=common.data_dir,
        connect_wait=1.0,
    )
