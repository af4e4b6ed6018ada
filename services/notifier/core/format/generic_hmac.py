"""
Provider type ``generic-hmac``: like generic, signed with the token.
"""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import datetime

from services.notifier.core.format import generic
from services.notifier.core.format.headers import overridden
from services.notifier.core.target import Target
from services.notifier.core.wire import Request
from shared.messages import DeliveryOrder

SIGNATURE_HEADER = "X-Signature"


def request(target: Target, order: DeliveryOrder, delivery_id: str, now: datetime) -> Request:
    """
    Build the request with two signatures.

    ``X-Signature`` is the field's own, over the body. ``webhook-signature`` covers id and time too,
    so that a receiver can refuse what was recorded and sent again.
    """
    plain = generic.request(target, order, delivery_id, now)
    moment = str(int(now.timestamp()))
    signed = b".".join((delivery_id.encode(), moment.encode(), plain.body))
    stamped = base64.b64encode(hmac.digest(target.token, signed, hashlib.sha256)).decode()
    ours = {
        SIGNATURE_HEADER: "sha256=" + hmac.digest(target.token, plain.body, hashlib.sha256).hex(),
        "webhook-id": delivery_id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{stamped}",
    }
    return replace(plain, headers=overridden(plain.headers, ours))
