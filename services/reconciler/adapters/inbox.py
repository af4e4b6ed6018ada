"""What comes in over the bus: announced revisions, and commands to look now."""

from collections.abc import Awaitable, Callable

from shared.bus import Ack, Bus, Outcome, Received
from shared.messages import Command, RevisionAnnounced, payload_as, subjects

_SERVICE = "reconciler"


class Inbox:
    """
    The consumers of the reconciler.
    """

    def __init__(self, bus: Bus, *, cluster: str) -> None:
        self._bus = bus
        self._cluster = cluster

    async def revisions(self, handler: Callable[[RevisionAnnounced], Awaitable[None]]) -> None:
        """
        Hand each revision to the handler, the last of every source first; until cancelled.

        The position belongs to this process: what a start must know is read from the objects.
        """

        async def handle(received: Received) -> Outcome:
            await handler(payload_as(received.envelope, RevisionAnnounced))
            return Ack()

        await self._bus.consume(
            subjects.REVISIONS,
            durable=None,
            filters=[f"revisions.{self._cluster}.>"],
            handler=handle,
            deliver="last_per_subject",
        )

    async def commands(self, handler: Callable[[Command], Awaitable[None]]) -> None:
        """
        Hand each command about a Kustomization to the handler, until cancelled.
        """

        async def handle(received: Received) -> Outcome:
            await handler(payload_as(received.envelope, Command))
            return Ack()

        await self._bus.consume(
            subjects.COMMANDS,
            durable=_SERVICE,
            filters=[f"commands.{self._cluster}.Kustomization.>"],
            handler=handle,
        )
