"""
What the notifier needs of the world, in its own words.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.notifier.core.wire import Reply, Request
from shared.messages import DeliveryOrder, Event, InvolvedObject

Json = Mapping[str, Any]
OrderHandler = Callable[[DeliveryOrder], Awaitable[None]]
EventHandler = Callable[[Event, str, str], Awaitable[None]]  # event, its id, trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """
    What the API says about an object beside its content.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Everything:
    """
    All objects of a kind; what is not among them is gone.
    """

    objects: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """
    An object as it is now.
    """

    object: Json


@dataclass(frozen=True, slots=True)
class Vanished:
    """
    An object that is gone, as it was last.
    """

    object: Json


Sighting = Everything | Seen | Vanished


class Channel(Protocol):
    """
    The way to a provider.
    """

    async def send(self, request: Request) -> Reply:
        """
        Send once.

        Raises:
            TransientError: No answer.
            StalledError: The address may not be reached.

        """


class Declarations(Protocol):
    """
    The declared objects and what belongs to them.
    """

    def watch(self, kind: str) -> AsyncIterator[Sighting]:
        """
        Follow Alert, Provider or Receiver for ever, beginning with everything.
        """

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """
        Read a Secret.
        """

    async def metadata(self, involved: InvolvedObject) -> Metadata | None:
        """
        Read labels and annotations of an object that an event is about.
        """

    async def objects(
        self, group: str, kind: str, *, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> list[Json]:
        """
        List objects.
        """

    async def write_status(self, kind: str, namespace: str, name: str, status: Json) -> None:
        """
        Merge fields into a status; an object that is gone does not matter.
        """


class Letters(Protocol):
    """
    The notifier's own durable queue of deliveries.
    """

    async def enqueue(self, order: DeliveryOrder, *, id_: str, trace: str) -> None:
        """
        Store an order once per id.

        Raises:
            TransientError: It is not stored.

        """

    async def bury(self, order: DeliveryOrder, *, id_: str, reason: str, attempts: int) -> None:
        """
        Store an order as a dead letter.

        Raises:
            TransientError: It is not stored.

        """

    async def lane(self, namespace: str, name: str, uid: str, handler: OrderHandler) -> None:
        """
        Hand the orders of one Provider to the handler, one after the other, until cancelled.
        """

    async def addressees(self) -> set[tuple[str, str]]:
        """
        Return namespace and name of the Providers for which orders wait.
        """

    async def close_lanes(self, keep: set[tuple[str, str]]) -> None:
        """
        Remove the durables of all Providers but those of these namespaces and uids.
        """


class Bus(Protocol):
    """
    What comes from the other services, and goes to them.
    """

    async def events(self, handler: EventHandler) -> None:
        """
        Hand each event to the handler until cancelled; what it raises decides the answer.
        """

    async def say(self, event: Event, id_: str) -> None:
        """
        Publish an event of our own.

        Raises:
            TransientError: It is not stored.

        """

    async def look(self, kind: str, namespace: str, name: str, cause: str) -> None:
        """
        Ask the service that owns an object to look now.

        Raises:
            TransientError: It is not stored.

        """


class Memory(Protocol):
    """
    The deliveries that were made, across restarts.
    """

    def knows(self, id_: str) -> bool:
        """
        Say whether a delivery was made.
        """

    async def remember(self, id_: str) -> None:
        """
        Remember, durably, that it was.
        """


class ResetMark(Protocol):
    """
    The note that a wipe of the bus has still to be told.
    """

    def read(self) -> datetime | None:
        """
        Return when it was found out, if it has to be told.
        """

    def write(self, at: datetime) -> None:
        """
        Take it down.
        """

    def clear(self) -> None:
        """
        Say that it was told.
        """


class Witness(Protocol):
    """
    Who sees how deliveries end: metrics, and people with kubectl.
    """

    def ended(self, result: str) -> None:
        """
        Count an attempt: delivered, failed, skipped or buried.
        """

    def record(self, event: Event) -> None:
        """
        Show an event to people who look with kubectl.
        """
