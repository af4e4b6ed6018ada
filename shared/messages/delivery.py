"""What the notifier tells itself to deliver."""

from pydantic import AwareDatetime

from shared.messages.base import Message
from shared.messages.event import Event


class DeliveryOrder(Message):
    """
    One event for one provider, because of one alert.

    ``event`` already carries the alert's metadata; ``accepted`` is when the retries began.
    """

    event: Event
    event_id: str
    alert_namespace: str
    alert_name: str
    provider_namespace: str
    provider_name: str
    provider_uid: str
    accepted: AwareDatetime
