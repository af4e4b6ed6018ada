"""
The one event about events that could not be accepted: how many, and what to do.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from shared.bus.tally import RefusedNote
from shared.messages import Envelope, Event, InvolvedObject, event_id
from shared.messages.subjects import event as event_subject

REASON = "EventsRefused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """
    Who tells it: the Lease of a service stands for the service.
    """

    cluster: str
    namespace: str
    lease: str
    controller: str


def refused_event(author: Author, note: RefusedNote) -> tuple[str, Envelope]:
    """
    Return subject and envelope; the same note makes the same id.
    """
    now = datetime.now(UTC)
    subject = event_subject(author.cluster, "error", "Lease", author.namespace, author.lease)
    many = "1 event" if note.count == 1 else f"{note.count} events"
    event = Event(
        involved_object=InvolvedObject(
            api_version="coordination.k8s.io/v1",
            kind="Lease",
            name=author.lease,
            namespace=author.namespace,
        ),
        severity="error",
        timestamp=now,
        reason=REASON,
        message=(
            f"{many} of {author.lease} could not be kept while the bus was away, as its outbox or "
            "the disk was full: they are lost. The statuses say how the objects are now. Give the "
            "data directory room, and look why the bus was away so long"
        ),
        metadata={"refused": str(note.count)},
        reporting_controller=author.controller,
    )
    about = f"{author.namespace}/{author.lease}"
    return subject, Envelope(
        id=event_id(author.cluster, about, REASON, note.occurrence),
        time=now,
        subject=subject,
        payload=event.model_dump(mode="json", by_alias=True),
    )
