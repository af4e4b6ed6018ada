"""
The composition root of the reconciler: the only place that builds adapters.
"""

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path

from services.reconciler.adapters.artifacts import BusArtifacts
from services.reconciler.adapters.cluster import KubeCluster
from services.reconciler.adapters.declarations import KubeDeclarations
from services.reconciler.adapters.inbox import Inbox
from services.reconciler.adapters.receipts import BusReceipts
from services.reconciler.adapters.renderer import RendererPool
from services.reconciler.adapters.watches import KubeWatches
from services.reconciler.apply import Apply
from services.reconciler.conclude import Conclude
from services.reconciler.core.events import CONTROLLER
from services.reconciler.core.masking import SecretValues
from services.reconciler.fallback import Fallback
from services.reconciler.finalize import Finalize
from services.reconciler.gather import Gather, Owners
from services.reconciler.halt import Halt
from services.reconciler.lanes import Lanes
from services.reconciler.observe import Observer
from services.reconciler.ports import Ports
from services.reconciler.prune import Prune
from services.reconciler.recall import Recall
from services.reconciler.reconcile import Reconcile, Steps
from services.reconciler.render import Render
from services.reconciler.report import Report
from services.reconciler.revert import Revert
from services.reconciler.service import Service
from services.reconciler.settings import Settings
from services.reconciler.slots import Slots
from services.reconciler.unhurried import Bystanders
from services.reconciler.work import Tools, Work
from shared.bus import EventPublisher
from shared.bus.files import kept
from shared.bus.streams import DECLARED_BY
from shared.kube import EventRecorder
from shared.program import Program, opened, start
from shared.runtime import Clock, Runtime

NAME = "setpoint-reconciler"
# Applies of all lanes at once, and objects healed: what a two-core API server takes.
_PARALLEL = 16
_KEY_BYTES = 32  # of the key that hides Secrets in digests


def main() -> int:
    """
    Run the service until told to stop, and return the exit code.
    """
    return start(Settings.from_environment, _main, controller=CONTROLLER)


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """
    The outside as this process holds it.
    """

    program: Program
    publisher: EventPublisher
    slots: Slots
    recorder: EventRecorder
    renderer: RendererPool


async def _main(runtime: Runtime, settings: Settings) -> None:
    async with opened(runtime, settings.common, name=NAME, controller=CONTROLLER) as program:
        slots = Slots(settings.concurrent)
        world = _World(
            program=program,
            publisher=program.publisher(),
            slots=slots,
            recorder=EventRecorder(program.kube, quiet=slots.quiet),
            renderer=RendererPool(settings.renderer),
        )
        try:
            service = _build(settings, world)
            _watch_health(program, service)
            await program.serve(_serve(world, service))
        finally:
            await world.renderer.close()


async def _serve(world: _World, service: Service) -> None:
    program = world.program
    await program.alone()
    await program.bus.declare(*DECLARED_BY["reconciler"])
    inbox = Inbox(program.bus, cluster=program.common.cluster)
    async with asyncio.TaskGroup() as group:
        group.create_task(program.lease.renewing(), name="lease")
        group.create_task(program.stop_if_refused(), name="bus watch")
        group.create_task(world.publisher.run(), name="outbox")
        group.create_task(world.recorder.run(), name="kubernetes events")
        group.create_task(service.run(), name="service")
        group.create_task(inbox.revisions(service.on_revision), name="revisions")
        group.create_task(inbox.commands(service.on_command), name="commands")


def join(
    ports: Ports,
    lanes: Lanes,
    owners: Owners,
    *,
    secret_key: bytes,
    clock: Clock,
) -> Steps:
    """
    Build the steps of a pass.
    """
    hidden = SecretValues(secret_key)
    report = Report(ports.declarations, ports.reporter, ports.receipts, secrets=hidden, clock=clock)
    apply = Apply(ports.cluster, parallel=_PARALLEL)
    prune = Prune(ports.cluster, parallel=_PARALLEL)
    recall = Recall(ports.cluster)
    render = Render(
        ports.artifacts,
        ports.renderer,
        ports.declarations,
        ports.cluster,
        secrets=hidden,
        secret_key=secret_key,
    )
    return Steps(
        render=render,
        gather=Gather(ports.cluster, lanes, owners, clock=clock),
        recall=recall,
        fallback=Fallback(ports.cluster, lanes, render, recall),
        revert=Revert(
            ports.cluster,
            ports.reporter,
            apply.one,
            parallel=_PARALLEL,
            mask=hidden.mask,
            clock=clock,
        ),
        apply=apply,
        prune=prune,
        conclude=Conclude(report, clock=clock),
        halt=Halt(report),
        report=report,
        finalize=Finalize(ports.cluster, ports.declarations, prune.all, report, clock=clock),
    )


def _ports(settings: Settings, world: _World) -> Ports:
    program, common = world.program, settings.common

    def held() -> bool:
        return program.lease.held

    return Ports(
        cluster=KubeCluster(program.kube, may_write=held),
        declarations=KubeDeclarations(program.kube, may_write=held),
        artifacts=BusArtifacts(
            program.bus,
            common.data_dir / "artifacts",
            cluster=common.cluster,
            clock=program.runtime.clock,
        ),
        renderer=world.renderer,
        receipts=BusReceipts(program.bus, cluster=common.cluster, may_write=held),
        reporter=program.reporter(world.publisher, world.recorder),
    )


def _build(settings: Settings, world: _World) -> Service:
    program, clock = world.program, world.program.runtime.clock
    ports = _ports(settings, world)
    watches = KubeWatches(program.kube, declared_labels=settings.watch_label_selector)
    lanes = Lanes()
    observer = Observer(watches, ports.cluster, lanes_of=lanes.objects, clock=clock)
    key = _secret_key(settings.common.data_dir)
    steps = join(ports, lanes, observer.owners, secret_key=key, clock=clock)
    tools = Tools(
        observer=observer,
        receipts=ports.receipts,
        reconcile=Reconcile(
            steps,
            lanes,
            no_cross_namespace_refs=settings.no_cross_namespace_refs,
            clock=clock,
        ),
        fallback=steps.fallback,
        revert=steps.revert,
        conclude=steps.conclude,
        halt=steps.halt,
        report=steps.report,
    )
    work = Work(
        tools,
        lanes,
        world.slots,
        jitter=settings.jitter,
        clock=clock,
        metrics=program.runtime.metrics,
    )
    bystanders = Bystanders(world.slots, clock=clock)
    service = Service(watches, observer, ports.artifacts, lanes, work, steps.report, bystanders)

    async def on_wipe(stream: str) -> None:
        if stream.endswith("RECEIPTS"):
            await service.on_bus_wiped()

    program.bus.on_wipe(on_wipe)
    return service


def _watch_health(program: Program, service: Service) -> None:
    async def lease() -> str:
        if program.lease.held:
            return ""
        return f"held by {program.lease.other}" if program.lease.other else "not held"

    async def declarations() -> str:
        return "" if service.declarations_known.is_set() else "not read yet"

    program.runtime.health.add("lease", lease)
    program.runtime.health.add("declarations", declarations)


def _secret_key(folder: Path) -> bytes:
    """
    Return the key of this data directory, made at the first start.
    """
    path = folder / "digest-key"
    key = kept(path, _KEY_BYTES)
    if len(key) == _KEY_BYTES:
        return key
    key = secrets.token_bytes(_KEY_BYTES)
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_bytes(key)
    part.replace(path)
    return key
