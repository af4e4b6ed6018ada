"""Events: durably to the bus through the outbox, and for people to the cluster."""

from collections.abc import Callable

import structlog

from shared.bus import EventPublisher
from shared.errors import NOT_LEADER, WaitingError
from shared.kube.events import EventRecorder
from shared.messages import Envelope, Event, event_id
from shared.messages.subjects import event as event_subject
from shared.runtime import Clock

log = structlog.get_logger()


def _nowhere(_: str) -> None:
    """
    Count nothing.
    """


def _here() -> bool:
    """
    Say that the Lease is not elsewhere.
    """
    return False


# What a log line repeats of the metadata: where, and for drift on what and by whom.
_LOGGED = ("revision", "object", "manager", "action")


class BusReporter:
    """
    The port ``Reporter`` of a service, on bus and API server.
    """

    def __init__(
        self,
        publisher: EventPublisher,
        recorder: EventRecorder,
        *,
        cluster: str,
        clock: Clock,
        count: Callable[[str], None] = _nowhere,
        elsewhere: Callable[[], bool] = _here,
    ) -> None:
        self._publisher = publisher
        self._recorder = recorder
        self._cluster = cluster
        self._clock = clock
        self._count = count
        self._elsewhere = elsewhere

    async def tell(self, event: Event, *, occurrence: str) -> None:
        """
        Accept an event durably, before the write that erases its cause; also a Kubernetes Event.

        Raises:
            WaitingError: Another one has the Lease: what this process does is not done.

        """
        if self._elsewhere():
            raise WaitingError(
                "this process does not hold its Lease: it tells nothing until it does",
                reason=NOT_LEADER,
            )
        about = event.involved_object
        write = log.error if event.severity == "error" else log.info
        write(
            "event",
            reason=event.reason,
            message=event.message,
            controllerKind=about.kind,
            namespace=about.namespace,
            name=about.name,
            **{key: event.metadata[key] for key in _LOGGED if event.metadata.get(key)},
        )
        self._count(event.reason)
        subject = event_subject(
            self._cluster, event.severity, about.kind, about.namespace, about.name
        )
        await self._publisher.accept(
            subject,
            Envelope(
                id=event_id(self._cluster, about.uid, event.reason, occurrence),
                time=self._clock.now(),
                subject=subject,
                payload=event.model_dump(mode="json", by_alias=True),
            ),
        )
        self._recorder.record(event)

    def note(self, event: Event) -> None:
        """
        Write a Kubernetes Event only, when there is time.
        """
        self._recorder.record(event)
