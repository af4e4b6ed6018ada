"""Put aside what nobody can handle."""

from datetime import UTC, datetime

from shared.bus.delivery import Delivery
from shared.bus.jetstream import JetStream
from shared.errors import MalformedError
from shared.messages import DeadLetter, Envelope, encode, subjects

TIMEOUT = 2.0  # seconds


async def put_aside(jetstream: JetStream, delivery: Delivery, reason: str) -> None:
    """
    Store a message as a dead letter, once however often this is called for it.

    Raises:
        TransientError: It is not stored; the message must be kept where it is.

    """
    message = delivery.message
    letter = DeadLetter.of(
        message.data,
        subject=message.subject,
        reason=reason,
        attempts=delivery.attempts,
        first_seen=delivery.time,
        provider=_provider(message.subject),
    )
    family, cluster, rest = message.subject.split(".", 2)
    subject = subjects.deadletter(cluster, family, rest)
    envelope = Envelope(
        id=f"dead/{delivery.key}",
        time=datetime.now(UTC),
        subject=subject,
        payload=letter.model_dump(mode="json"),
    )
    await jetstream.publish(
        subject, encode(envelope), within=TIMEOUT, headers={"Nats-Msg-Id": envelope.id}
    )


def _provider(subject: str) -> str:
    try:
        found = subjects.parse_delivery(subject)
    except MalformedError:
        return ""
    return f"{found.namespace}/{found.provider}"
