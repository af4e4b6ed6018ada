"""
One module per type of provider: an order becomes a request, a reply becomes a verdict.
"""

from datetime import datetime

from services.notifier.core.format import generic, generic_hmac, slack
from services.notifier.core.target import Target
from services.notifier.core.verdict import judge
from services.notifier.core.wire import Reply, Request, Skipped, Verdict
from shared.messages import DeliveryOrder

_BUILDERS = {
    "generic": generic.request,
    "generic-hmac": generic_hmac.request,
    "slack": slack.request,
}


def request_for(
    target: Target, order: DeliveryOrder, *, delivery_id: str, now: datetime
) -> Request | Skipped:
    """
    Build what is sent. The body is the same in every attempt.
    """
    return _BUILDERS[target.type](target, order, delivery_id, now)


def verdict_on(target: Target, reply: Reply, now: datetime) -> Verdict:
    """
    Say what a reply means.
    """
    verdict = judge(reply, now)
    if target.type == "slack":
        return slack.verdict(target, reply, verdict)
    return verdict
