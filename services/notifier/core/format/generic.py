"""
Provider type ``generic``: the event itself, as JSON.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from services.notifier.core.format.headers import overridden
from services.notifier.core.target import Target
from services.notifier.core.wire import Request
from shared.messages import DeliveryOrder, Event

COMPONENT_HEADER = "gotk-component"
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9._-]")


def request(target: Target, order: DeliveryOrder, delivery_id: str, now: datetime) -> Request:
    """
    Build the request; the Secret's headers go before ours.
    """
    headers = overridden(common_headers(order, delivery_id, now), target.headers)
    return Request(
        url=target.address, headers=headers, body=body_of(order.event), timeout=target.timeout
    )


def common_headers(order: DeliveryOrder, delivery_id: str, now: datetime) -> dict[str, str]:
    """
    Return the headers of every generic delivery.

    ``webhook-id`` is the same in all attempts: receivers drop what they have seen by it.
    """
    return {
        "Content-Type": "application/json",
        COMPONENT_HEADER: _NOT_A_NAME.sub("", order.event.reporting_controller),
        "User-Agent": "setpoint-notifier",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(now.timestamp())),
    }


def body_of(event: Event) -> bytes:
    """
    Write the event as the API does: camelCase, whole seconds, no empty optional fields.
    """
    data: dict[str, Any] = event.model_dump(mode="json", by_alias=True)
    data["timestamp"] = event.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    data["involvedObject"] = {k: v for k, v in data["involvedObject"].items() if v}
    if not data["metadata"]:
        del data["metadata"]
    if not data["reportingInstance"]:
        del data["reportingInstance"]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
