"""
The composition root of the reconciler: the only place that builds adapters.
"""

import asyncio
import secrets
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from services.reconciler.adapters.artifacts import BusArtifacts
from services.reconciler.adapters.cluster import KubeCluster
from services.reconciler.adapters.declarations import KubeDeclarations
from services.reconciler.adapters.inbox import Inbox
from services.reconciler.adapters.receipts import BusReceipts
from services.reconciler.adapters.renderer import RendererPool
from services.reconciler.adapters.reporter import BusReporter
from services.reconciler.adapters.watches import KubeWatches
from services.reconciler.apply import Apply
from services.reconciler.conclude import Conclude
from services.reconciler.core.events import CONTROLLER
from services.reconciler.core.masking import SecretValues
from services.reconciler.finalize import Finalize
from services.reconciler.gather import Gather
from services.reconciler.halt import Halt
from services.reconciler.lanes import Lanes
from services.reconciler.observe import Observer
from services.reconciler.prune import Prune
from services.reconciler.reconcile import Reconcile, Steps
from services.reconciler.render import Render
from services.reconciler.report import Report
from services.reconciler.revert import Revert
from services.reconciler.service import Service
from services.reconciler.settings import Settings
from services.reconciler.slots import Slots
from services.reconciler.work import Tools, Work
from shared.bus import Author, Bus, BusSettings, EventPublisher, Outbox
from shared.bus.streams import DECLARED_BY
from shared.errors import SetpointError, StalledError, TransientError
from shared.kube import Kube
from shared.kube.events import EventRecorder
from shared.kube.flux import refuse_beside_flux
from shared.kube.holder import Holder
from shared.kube.lease import Lease
from shared.runtime import Runtime, logs, run
from shared.runtime.process import refuse_start, write_addresses

LEASE = "setpoint-reconciler"
_PARALLEL = 16  # applies of all lanes at once: what a two-core API server takes
_RETRY = 1.0  # seconds; the API server may come later than we
_KEY_BYTES = 32  # of the key that hides Secrets in digests


def main() -> int:
    """
    Read the settings, run until told to stop, and return the exit code.
    """
    try:
        settings = Settings.from_environment()
    except StalledError as error:
        return refuse_start(error)
    return run(lambda runtime: _main(runtime, settings), settings.common, controller=CONTROLLER)


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """
    The outside as this process holds it.
    """

    kube: Kube
    bus: Bus
    lease: Lease
    publisher: EventPublisher
    recorder: EventRecorder
    renderer: RendererPool


async def _main(runtime: Runtime, settings: Settings) -> None:
    common = settings.common
    async with AsyncExitStack() as stack:
        holder = stack.enter_context(Holder.open(common.data_dir))
        kube = await Kube.connect(common.kubeconfig, name=LEASE)
        stack.push_async_callback(kube.close)
        bus = await Bus.connect(_bus_settings(settings))
        stack.push_async_callback(bus.close)
        renderer = RendererPool(settings.renderer)
        stack.push_async_callback(renderer.close)
        lease = Lease(
            kube,
            name=LEASE,
            namespace=common.namespace,
            holder=holder.identity,
            clock=runtime.clock,
        )
        author = Author(
            cluster=common.cluster, namespace=common.namespace, lease=LEASE, controller=CONTROLLER
        )
        world = _World(
            kube=kube,
            bus=bus,
            lease=lease,
            publisher=EventPublisher(bus, Outbox(common.data_dir / "outbox"), author),
            recorder=EventRecorder(kube),
            renderer=renderer,
        )
        service = _build(runtime, settings, world)
        _watch_health(runtime, world, service)
        write_addresses(common.address_file, runtime.addresses)
        work = runtime.supervise("reconciler", _serve(runtime, settings, world, service))
        await runtime.stopping.wait()
        runtime.health.draining = True
        work.cancel()
        await asyncio.wait({work})
        await lease.release()


async def _serve(runtime: Runtime, settings: Settings, world: _World, service: Service) -> None:
    await _alone(runtime, settings, world.kube)
    await world.lease.acquire()
    await world.bus.declare(*DECLARED_BY["reconciler"])
    inbox = Inbox(world.bus, cluster=settings.common.cluster)
    async with asyncio.TaskGroup() as group:
        group.create_task(world.lease.renewing(), name="lease")
        group.create_task(world.publisher.run(), name="outbox")
        group.create_task(world.recorder.run(), name="kubernetes events")
        group.create_task(_stop_if_refused(runtime, world.bus), name="bus watch")
        group.create_task(service.run(), name="service")
        group.create_task(inbox.revisions(service.on_revision), name="revisions")
        group.create_task(inbox.commands(service.on_command), name="commands")


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


async def _stop_if_refused(runtime: Runtime, bus: Bus) -> None:
    await bus.closed.wait()
    runtime.fail("NATS refuses this user: correct SETPOINT_NATS_USER or its password")


def _build(runtime: Runtime, settings: Settings, world: _World) -> Service:
    common, clock, kube, bus = settings.common, runtime.clock, world.kube, world.bus
    cluster = KubeCluster(kube, may_write=lambda: world.lease.held)
    declarations = KubeDeclarations(kube, may_write=lambda: world.lease.held)
    watches = KubeWatches(kube, declared_labels=settings.watch_label_selector)
    artifacts = BusArtifacts(
        bus, common.data_dir / "artifacts", cluster=common.cluster, clock=clock
    )
    receipts = BusReceipts(bus, cluster=common.cluster)
    reporter = BusReporter(world.publisher, world.recorder, cluster=common.cluster, clock=clock)
    secret_key = _secret_key(common.data_dir)
    hidden = SecretValues(secret_key)
    lanes = Lanes()
    report = Report(declarations, reporter, receipts, secrets=hidden, clock=clock)
    apply = Apply(cluster, parallel=_PARALLEL)
    prune = Prune(cluster, parallel=_PARALLEL)
    revert = Revert(cluster, reporter, apply.one, mask=hidden.mask, clock=clock)
    conclude = Conclude(report, clock=clock)
    observer = Observer(watches, cluster, lanes_of=lanes.objects, clock=clock)
    steps = Steps(
        render=Render(
            artifacts,
            world.renderer,
            declarations,
            cluster,
            secrets=hidden,
            secret_key=secret_key,
        ),
        gather=Gather(cluster, lanes, observer.owners, clock=clock),
        revert=revert,
        apply=apply,
        prune=prune,
        conclude=conclude,
        halt=Halt(report),
        report=report,
        finalize=Finalize(cluster, declarations, prune.all, report, clock=clock),
    )
    tools = Tools(
        observer=observer,
        receipts=receipts,
        reconcile=Reconcile(
            steps,
            declarations,
            lanes,
            no_cross_namespace_refs=settings.no_cross_namespace_refs,
            clock=clock,
        ),
        revert=revert,
        conclude=conclude,
        report=report,
    )
    work = Work(tools, lanes, Slots(settings.concurrent), clock=clock, metrics=runtime.metrics)
    service = Service(watches, observer, artifacts, lanes, work, report)

    async def on_wipe(stream: str) -> None:
        if stream.endswith("RECEIPTS"):
            await service.on_bus_wiped()

    bus.on_wipe(on_wipe)
    return service


def _watch_health(runtime: Runtime, world: _World, service: Service) -> None:
    async def nats() -> str:
        return await _trouble(world.bus.ping())

    async def api_server() -> str:
        return await _trouble(world.kube.ping())

    async def lease() -> str:
        if world.lease.held:
            return ""
        return f"held by {world.lease.other}" if world.lease.other else "not held"

    async def declarations() -> str:
        return "" if service.declarations_known.is_set() else "not read yet"

    runtime.health.add("nats", nats)
    runtime.health.add("kubernetes", api_server)
    runtime.health.add("lease", lease)
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


def _secret_key(folder: Path) -> bytes:
    """
    Return the key of this data directory, made at the first start.
    """
    path = folder / "digest-key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) == _KEY_BYTES:
        return key
    key = secrets.token_bytes(_KEY_BYTES)
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_bytes(key)
    part.replace(path)
    return key
