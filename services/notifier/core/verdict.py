"""
What a reply means for a delivery.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from services.notifier.core.wire import Accepted, Later, Refused, Reply, Verdict

_TRANSIENT = frozenset({408, 425, 429})


def judge(reply: Reply, now: datetime) -> Verdict:
    """
    Decide by the status alone: 2xx arrived, 5xx and a few of 4xx may later, the rest never will.
    """
    if HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
        return Accepted()
    said = _said(reply.status)
    if reply.status in _TRANSIENT or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Later(reason=said, after=retry_after(reply.retry_after, now))
    if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        return Refused(f"{said}: redirects are not followed, give the Provider the final address")
    return Refused(f"{said}: the address or the token of the Provider is not accepted there")


def retry_after(text: str, now: datetime) -> float | None:
    """
    Read a Retry-After header: seconds or a date; nothing if it is neither.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)


def _said(status: int) -> str:
    try:
        return f"the provider answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"the provider answered {status}"
