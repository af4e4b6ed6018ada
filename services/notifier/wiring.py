"""
The composition root of the notifier: the only place that builds adapters.
"""

import asyncio
from contextlib import AsyncExitStack, suppress

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
from shared.bus.streams import DECLARED_BY
from shared.errors import SetpointError
from shared.kube import EventRecorder, Lease
from shared.messages import subjects
from shared.program import Program, opened, start
from shared.program.program import RETRY
from shared.runtime import Runtime
from shared.runtime.addresses import AddressPolicy
from shared.runtime.control_plane import ControlPlane

_MEASURE = 10.0  # seconds between looks at the queues; a scrape comes every 15 to 60
_WIPED = frozenset({subjects.EVENTS, subjects.DELIVERIES})


def main() -> int:
    """
    Run the service until told to stop, and return the exit code.
    """
    return start(Settings.from_environment, _main, controller=CONTROLLER)


async def _main(runtime: Runtime, settings: Settings) -> None:
    common = settings.common
    async with AsyncExitStack() as stack:
        program = await stack.enter_async_context(
            opened(runtime, common, name=LEASE, controller=CONTROLLER)
        )
        policy = AddressPolicy(common.allowed_cidrs)
        control_plane = ControlPlane(program.kube.address, common.nats_url)
        await control_plane.look(policy)
        runtime.supervise("control plane", control_plane.follow(policy, runtime.clock))
        channel = await stack.enter_async_context(WebhookChannel(policy))
        service, receive = _build(program, settings, channel, policy)
        web = WebServer(receive)
        runtime.addresses["receiver"] = await web.start(settings.receiver)
        stack.push_async_callback(web.close)
        _watch_health(runtime, service)
        await program.serve(_serve(program, service))


async def _serve(program: Program, service: Service) -> None:
    await program.alone()
    await program.bus.declare(*DECLARED_BY["notifier"])
    async with asyncio.TaskGroup() as group:
        group.create_task(program.lease.renewing(), name="lease")
        group.create_task(_stop_if_replaced(program.runtime, program.lease), name="lease watch")
        group.create_task(program.stop_if_refused(), name="bus watch")
        group.create_task(_measure(program), name="queues")
        group.create_task(service.run(), name="service")


async def _measure(program: Program) -> None:
    """
    Show how much waits to be delivered, and how much was given up.
    """
    known = dict.fromkeys((subjects.DELIVERIES, subjects.DEADLETTERS), 0.0)
    metrics = program.runtime.metrics
    metrics.watch(
        "setpoint_deliveries_waiting",
        "Events that wait for a provider, as NATS said last.",
        lambda: known[subjects.DELIVERIES],
    )
    metrics.watch(
        "setpoint_dead_letters",
        "Messages that were given up and wait for a person, as NATS said last.",
        lambda: known[subjects.DEADLETTERS],
    )
    while True:
        for stream in known:
            with suppress(SetpointError):
                known[stream] = float((await program.bus.state(stream))["messages"])
        await program.runtime.clock.sleep(_MEASURE)


async def _stop_if_replaced(runtime: Runtime, lease: Lease) -> None:
    # While only the API server is away, deliveries go on; another holder ends them.
    while not lease.other:
        await runtime.clock.sleep(RETRY)
    runtime.fail(f"the Lease {lease} was taken by {lease.other}: only one notifier works")


def _build(
    program: Program, settings: Settings, channel: WebhookChannel, policy: AddressPolicy
) -> tuple[Service, Receive]:
    common, runtime, kube, bus = settings.common, program.runtime, program.kube, program.bus
    clock = runtime.clock
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
    announce = _announce(program, declarations, letters)
    receive = Receive(catalog, declarations, letters, clock)
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


def _announce(program: Program, declarations: KubeDeclarations, letters: BusLetters) -> Announce:
    common = program.common
    announce = Announce(
        declarations,
        letters,
        ResetFile(common.data_dir / "bus-reset"),
        program.runtime.clock,
        cluster=common.cluster,
        namespace=common.namespace,
    )

    async def on_wipe(stream: str) -> None:
        if stream in _WIPED:
            announce.wiped()

    program.bus.on_wipe(on_wipe)
    return announce


def _watch_health(runtime: Runtime, service: Service) -> None:
    async def declarations() -> str:
        return service.missing

    runtime.health.add("declarations", declarations)
