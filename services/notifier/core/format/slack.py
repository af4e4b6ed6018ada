"""
Provider type ``slack``: one attachment, by the API or by a legacy incoming webhook.
"""

import json
import re
from datetime import datetime
from typing import Any

from services.notifier.core.format.headers import overridden
from services.notifier.core.target import Target
from services.notifier.core.wire import Accepted, Later, Refused, Reply, Request, Skipped, Verdict
from shared.messages import DeliveryOrder, Event

API_ADDRESS = "https://slack.com/api/chat.postMessage"
_TEXT_LIMIT = 3000  # characters; longer text is folded away by the client anyway
_FIELD_LIMIT = 500  # characters of one value of the metadata
_FIELDS_LIMIT = 50  # entries of the metadata; an attachment takes no more
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_COMMIT_STATUS = "commit_status"
# Errors of the API after which the same message may well be taken.
_TRANSIENT = frozenset(
    {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)


def request(
    target: Target, order: DeliveryOrder, delivery_id: str, now: datetime
) -> Request | Skipped:
    """
    Build the request. Commit status updates are for Git forges and are not sent to a chat.
    """
    del delivery_id, now  # Slack knows no id of ours
    event = order.event
    if event.metadata.get(_COMMIT_STATUS) == "update":
        return Skipped("commit status updates are not sent to chats")
    headers = {"Content-Type": "application/json", "User-Agent": "setpoint-notifier"}
    headers = overridden(headers, target.headers)
    if target.token:
        bearer = "Bearer " + target.token.decode(errors="replace")
        headers = overridden(headers, {"Authorization": bearer})
    body = json.dumps(_payload(target, event), ensure_ascii=False, separators=(",", ":"))
    return Request(
        url=target.address,
        headers=headers,
        body=body.encode(errors="replace"),
        timeout=target.timeout,
    )


def verdict(target: Target, reply: Reply, by_status: Verdict) -> Verdict:
    """
    Read what the API says in the body: it answers 200 to what it refuses too.
    """
    if target.address != API_ADDRESS or not isinstance(by_status, Accepted):
        return by_status
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        return Later(reason="Slack answered 200 with something that is no JSON")
    if isinstance(answer, dict) and answer.get("ok") is True:
        return by_status
    error = str(answer.get("error", "")) if isinstance(answer, dict) else ""
    error = re.sub(r"[^A-Za-z0-9_]", "", error)[:80] or "unknown_error"
    if error in _TRANSIENT:
        return Later(reason=f"Slack answered {error}")
    return Refused(f"Slack answered {error}: correct the channel or the token of the Provider")


def _payload(target: Target, event: Event) -> dict[str, Any]:
    found = event.involved_object
    author = escaped(f"{found.kind.lower()}/{found.name}.{found.namespace}", _TEXT_LIMIT)
    text = escaped(event.message, _TEXT_LIMIT)
    payload: dict[str, Any] = {"username": target.username or event.reporting_controller}
    if target.channel:
        payload["channel"] = target.channel
    payload["attachments"] = [
        {
            "color": "danger" if event.severity == "error" else "good",
            "author_name": author,
            "fallback": f"{author}: {text.partition(chr(10))[0]}",
            "text": text,
            "mrkdwn_in": ["text"],
            "fields": [
                {
                    "title": escaped(key, _FIELD_LIMIT),
                    "value": escaped(value, _FIELD_LIMIT),
                    "short": False,
                }
                for key, value in sorted(event.metadata.items())[:_FIELDS_LIMIT]
            ],
        }
    ]
    return payload


def escaped(text: str, limit: int) -> str:
    """
    Make text that mentions nobody, links nowhere and steers no terminal.
    """
    text = _CONTROL.sub("", text)
    if len(text) > limit:
        text = text[: limit - 3] + "..."
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
