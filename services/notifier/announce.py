"""
announce: after a wipe of the bus, say so, and say again what is not Ready.
"""

import asyncio
from datetime import datetime

import structlog

from services.notifier.core.reset import WATCHED, reset_event, trouble_of
from services.notifier.ports import Bus, Declarations, Json, ResetMark
from shared.errors import SetpointError
from shared.messages import event_id
from shared.runtime import Clock, point

log = structlog.get_logger()
LEASE = "setpoint-notifier"
_RETRY = 2.0  # seconds
# Seconds from the first sign until we speak: the streams of a wiped bus are found one by one, and
# those who consume them must be back.
_SETTLE = 2.0


class Announce:
    """
    Remembers that the bus was wiped until everybody was told.
    """

    def __init__(
        self,
        declarations: Declarations,
        bus: Bus,
        mark: ResetMark,
        clock: Clock,
        *,
        cluster: str,
        namespace: str,
    ) -> None:
        self._declarations = declarations
        self._bus = bus
        self._mark = mark
        self._clock = clock
        self._cluster = cluster
        self._namespace = namespace
        self._wiped = asyncio.Event()
        if mark.read() is not None:
            self._wiped.set()

    def wiped(self) -> None:
        """
        Take down that the bus was wiped.
        """
        if self._mark.read() is None:
            self._mark.write(self._clock.now())
        self._wiped.set()

    async def run(self) -> None:
        """
        Tell it, until cancelled.
        """
        while True:
            await self._wiped.wait()
            await self._clock.sleep(_SETTLE)
            moment = self._mark.read() or self._clock.now()
            try:
                told = await self._tell(moment)
            except SetpointError as error:
                log.info("reset of the bus not told yet", error=error.message)
                await self._clock.sleep(_RETRY)
                continue
            point("notifier.reset-told")
            self._wiped.clear()
            self._mark.clear()
            log.info("reset of the bus told", not_ready=told)

    async def _tell(self, moment: datetime) -> int:
        occurrence = f"reset/{moment.isoformat()}"
        lease = await self._lease()
        event = reset_event(lease, moment)
        uid = event.involved_object.uid
        await self._bus.say(event, event_id(self._cluster, uid, event.reason, occurrence))
        told = 0
        for group, kind, controller in WATCHED:
            for found in await self._declarations.objects(group, kind):
                trouble = trouble_of(found, controller, moment)
                if trouble is None:
                    continue
                uid = trouble.involved_object.uid
                id_ = event_id(self._cluster, uid, trouble.reason, occurrence)
                await self._bus.say(trouble, id_)
                told += 1
        return told

    async def _lease(self) -> Json:
        leases = await self._declarations.objects(
            "coordination.k8s.io", "Lease", namespace=self._namespace
        )
        for lease in leases:
            if lease["metadata"]["name"] == LEASE:
                return lease
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE, "namespace": self._namespace},
        }
