"""
The composition root of the source service: the only place that builds adapters.
"""

import asyncio

from services.source.adapters.announcer import BusAnnouncer
from services.source.adapters.declarations import KubeDeclarations
from services.source.adapters.origin import GitOrigin
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
from shared.bus import Ack, Outcome, Received
from shared.bus.streams import ARTIFACTS, DECLARED_BY, REVISIONS
from shared.kube import EventRecorder
from shared.messages import Command, payload_as, subjects
from shared.program import Program, opened, start
from shared.program.program import RETRY
from shared.runtime import Runtime
from shared.runtime.addresses import AddressPolicy
from shared.runtime.control_plane import ControlPlane

NAME = "setpoint-source"
_WIPED = frozenset({REVISIONS.name, ARTIFACTS.name})


def main() -> int:
    """
    Run the service until told to stop, and return the exit code.
    """
    return start(Settings.from_environment, _main, controller=CONTROLLER)


async def _main(runtime: Runtime, settings: Settings) -> None:
    async with opened(runtime, settings.common, name=NAME, controller=CONTROLLER) as program:
        workers = Workers(settings.concurrent, settings.common.data_dir / "git")
        try:
            await program.serve(_Wiring(program, settings, workers).serve())
        finally:
            await workers.close()


class _Wiring:
    """
    What runs beside the service: the Lease, the outbox, the commands, the word of a wipe.
    """

    def __init__(self, program: Program, settings: Settings, workers: Workers) -> None:
        self._program = program
        self._settings = settings
        self._workers = workers
        self._runtime = program.runtime
        self._bus = program.bus
        self._recorder = EventRecorder(program.kube)
        self._publisher = program.publisher()
        self._policy = AddressPolicy(settings.common.allowed_cidrs)
        self._control_plane = ControlPlane(program.kube.address, settings.common.nats_url)

    async def serve(self) -> None:
        """
        Wait until this service is alone, then run it.
        """
        await self._workers.start()
        await self._program.alone()
        await self._control_plane.look(self._policy)
        service = self._build()

        async def on_wipe(stream: str) -> None:
            if stream in _WIPED:
                service.renew(wiped=True)

        self._bus.on_wipe(on_wipe)
        await self._bus.declare(*DECLARED_BY["source"])
        async with asyncio.TaskGroup() as group:
            group.create_task(self._program.lease.renewing(), name="lease")
            group.create_task(self._program.stop_if_refused(), name="bus watch")
            group.create_task(self._publisher.run(), name="outbox")
            group.create_task(self._recorder.run(), name="events")
            follow = self._control_plane.follow(self._policy, self._runtime.clock)
            group.create_task(follow, name="control plane")
            group.create_task(self._commands(service), name="commands")
            group.create_task(self._reconnects(service), name="reconnects")
            group.create_task(service.run(), name="service")

    def _build(self) -> SourceService:
        common, clock = self._settings.common, self._runtime.clock
        declarations = KubeDeclarations(
            self._program.kube, self._program.lease, selector=self._settings.selector
        )
        store = BusStore(self._bus.objects, common.data_dir / "artifacts")
        announcer = BusAnnouncer(self._bus, cluster=common.cluster, clock=clock)
        reporter = self._program.reporter(self._publisher, self._recorder)
        origin = GitOrigin(self._workers, self._policy)
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
            await self._bus.line.up.wait()
            service.renew(wiped=False)
            while self._bus.line.up.is_set():
                await self._runtime.clock.sleep(RETRY)
