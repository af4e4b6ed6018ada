"""
What people with kubectl see of a delivery that was given up.
"""

from datetime import datetime

from services.notifier.core.reset import CONTROLLER
from shared.api.kinds import NOTIFICATION_GROUP
from shared.messages import DeliveryOrder, Event, InvolvedObject

REASON = "NotificationDispatchFailed"


def given_up(order: DeliveryOrder, reason: str, now: datetime) -> Event:
    """
    Return the event about the Alert whose event did not arrive.
    """
    about = order.event.involved_object
    return Event(
        involved_object=InvolvedObject(
            api_version=f"{NOTIFICATION_GROUP}/v1beta3",
            kind="Alert",
            namespace=order.alert_namespace,
            name=order.alert_name,
        ),
        severity="error",
        timestamp=now,
        reason=REASON,
        message=(
            f"event {order.event.reason} of {about.kind}/{about.namespace}/{about.name} did not "
            f"reach Provider {order.provider_namespace}/{order.provider_name}: {reason}. It is a "
            "dead letter now: `setpoint deadletters`"
        ),
        reporting_controller=CONTROLLER,
    )
