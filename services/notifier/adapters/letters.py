"""
Deliveries, dead letters, events and commands on the bus.
"""

import secrets

import structlog

from services.notifier.ports import EventHandler, OrderHandler
from shared.bus import Ack, Bus, Outcome, Received, outcome_of
from shared.errors import MalformedError, SetpointError
from shared.messages import (
    Command,
    DeadLetter,
    DeliveryOrder,
    Envelope,
    Event,
    encode,
    payload_as,
    subjects,
)
from shared.runtime import Clock

log = structlog.get_logger()
# Seconds for one message. A machine under load that syncs each message needs more than the usual
# 200 ms, and nobody waits for the notifier.
_TIMEOUT = 5.0
_SERVICE = "notifier"
_SEVERITIES = {"trace": "info"}


class BusLetters:
    """
    The streams of the notifier, through one connection.
    """

    def __init__(self, bus: Bus, *, cluster: str, clock: Clock) -> None:
        self._bus = bus
        self._cluster = cluster
        self._clock = clock

    async def events(self, handler: EventHandler) -> None:
        """
        Hand each event to the handler until cancelled.
        """

        async def handle(received: Received) -> Outcome:
            try:
                envelope = received.envelope
                await handler(payload_as(envelope, Event), envelope.id, envelope.trace)
            except SetpointError as error:
                log.info("event not queued yet", subject=received.subject, error=error.message)
                return outcome_of(error, received.attempts)
            return Ack()

        await self._bus.consume(
            subjects.EVENTS,
            durable=_SERVICE,
            filters=[f"events.{self._cluster}.>"],
            handler=handle,
            takes_over=True,
        )

    async def say(self, event: Event, id_: str) -> None:
        """
        Publish an event of our own.
        """
        found = event.involved_object
        severity = _SEVERITIES.get(event.severity, event.severity)
        subject = subjects.event(self._cluster, severity, found.kind, found.namespace, found.name)
        await self._publish(subject, event.model_dump(mode="json", by_alias=True), id_=id_)

    async def look(self, kind: str, namespace: str, name: str, cause: str) -> None:
        """
        Ask the service that owns an object to look now.
        """
        command = Command(action="look", kind=kind, namespace=namespace, name=name, cause=cause)
        subject = subjects.command(self._cluster, kind, namespace, name)
        await self._publish(subject, command.model_dump(mode="json"), id_=secrets.token_hex(16))

    async def enqueue(self, order: DeliveryOrder, *, id_: str, trace: str) -> None:
        """
        Store an order once per id.
        """
        await self._publish(
            self._subject(order), order.model_dump(mode="json"), id_=id_, trace=trace
        )

    async def bury(self, order: DeliveryOrder, *, id_: str, reason: str, attempts: int) -> None:
        """
        Store an order as a dead letter.
        """
        subject = self._subject(order)
        original = self._envelope(subject, order.model_dump(mode="json"), id_=id_)
        letter = DeadLetter.of(
            encode(original),
            subject=subject,
            reason=reason,
            attempts=attempts,
            first_seen=order.accepted,
            provider=f"{order.provider_namespace}/{order.provider_name}",
        )
        where = subjects.deadletter(self._cluster, *subject.split(".")[:1], *subject.split(".")[2:])
        await self._publish(where, letter.model_dump(mode="json"), id_=f"dead/{id_}")

    async def lane(self, namespace: str, name: str, uid: str, handler: OrderHandler) -> None:
        """
        Hand the orders of one Provider to the handler, one after the other, until cancelled.

        The durable is made anew at each start: an order that a killed process held comes back at
        once and in its place, not when its deadline is over and behind the others.
        """

        async def handle(received: Received) -> Outcome:
            try:
                await handler(payload_as(received.envelope, DeliveryOrder))
            except SetpointError as error:
                return outcome_of(error, received.attempts)
            return Ack()

        durable = _durable(namespace, uid)
        await self._forget(durable)
        await self._bus.consume(
            subjects.DELIVERIES,
            durable=durable,
            filters=[subjects.delivery(self._cluster, namespace, name)],
            handler=handle,
        )

    async def addressees(self) -> set[tuple[str, str]]:
        """
        Return namespace and name of the Providers for which orders wait.
        """
        waiting = await self._bus.subjects(subjects.DELIVERIES, f"deliveries.{self._cluster}.>")
        found: set[tuple[str, str]] = set()
        for subject in waiting:
            try:
                item = subjects.parse_delivery(subject)
            except MalformedError as error:
                # Nobody's order: it must not keep the lanes of all others closed.
                log.error("order passed over", error=error.message)  # noqa: TRY400
                continue
            found.add((item.namespace, item.provider))
        return found

    async def close_lanes(self, keep: set[tuple[str, str]]) -> None:
        """
        Remove the durables of all Providers but those of these namespaces and uids.
        """
        kept = {_durable(namespace, uid) for namespace, uid in keep}
        for durable in await self._bus.durables(subjects.DELIVERIES):
            if durable not in kept:
                await self._bus.forget(subjects.DELIVERIES, durable)

    async def _forget(self, durable: str) -> None:
        while True:
            try:
                await self._bus.forget(subjects.DELIVERIES, durable)
            except SetpointError as error:
                log.debug("durable not renewed yet", durable=durable, error=error.message)
                await self._bus.line.up.wait()
                await self._clock.sleep(1.0)
            else:
                return

    async def _publish(
        self, subject: str, payload: dict[str, object], *, id_: str, trace: str = ""
    ) -> None:
        envelope = self._envelope(subject, payload, id_=id_, trace=trace)
        await self._bus.publish(subject, envelope, timeout=_TIMEOUT)

    def _envelope(
        self, subject: str, payload: dict[str, object], *, id_: str, trace: str = ""
    ) -> Envelope:
        return Envelope(
            id=id_, time=self._clock.now(), trace=trace or id_, subject=subject, payload=payload
        )

    def _subject(self, order: DeliveryOrder) -> str:
        return subjects.delivery(self._cluster, order.provider_namespace, order.provider_name)


def _durable(namespace: str, uid: str) -> str:
    return f"{namespace}_{uid}"
