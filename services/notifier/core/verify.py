"""
Whether a call of a receiver is genuine, and whether it counts.

All comparisons are in constant time and over the raw bytes of the body. Answers name no detail:
a caller who guesses learns nothing.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

TYPES = ("generic", "generic-hmac", "github")
WITH_EVENTS = frozenset({"github"})  # types whose calls name an event that spec.events can choose
_ALGORITHMS: Mapping[str, Callable[..., object]] = {
    "sha1": hashlib.sha1,
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
}
_FORM_FIELDS = 100  # a form with more fields is none of a forge's


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    An inbound request: headers by lower-case name, and the body as it came.
    """

    headers: Mapping[str, Sequence[str]]
    body: bytes

    def header(self, name: str) -> str:
        """
        Return a header that came once; what came twice is ambiguous and counts as absent.
        """
        values = self.headers.get(name, ())
        return values[0] if len(values) == 1 else ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """
    The call does not count; ``reason`` is for our log only.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Genuine:
    """
    The call counts; ``cause`` says what it was, in our words.
    """

    cause: str


def check(type_: str, call: Call, token: bytes, events: Sequence[str]) -> Genuine | Rejected:
    """
    Check a call against the type of its receiver.
    """
    match type_:
        case "generic":
            # The path itself is the secret.
            return Genuine("generic webhook")
        case "generic-hmac":
            if not signed(call.header("x-signature"), call.body, token):
                return Rejected("no valid X-Signature")
            return Genuine("signed webhook")
        case "github":
            return _github(call, token, events)
        case _:
            return Rejected(f"type {type_} is not supported")


def signed(signature: str, body: bytes, token: bytes) -> bool:
    """
    Say whether ``sha256=<hex>`` (or sha1, sha512) is the HMAC of the body.
    """
    name, equals, given = signature.partition("=")
    algorithm = _ALGORITHMS.get(name)
    if algorithm is None or not equals or not token or not given.isascii():
        return False
    try:
        digest = bytes.fromhex(given)
    except ValueError:
        return False
    return hmac.compare_digest(hmac.digest(token, body, name), digest)


def _github(call: Call, token: bytes, events: Sequence[str]) -> Genuine | Rejected:
    signature = call.header("x-hub-signature-256")
    if not signature and "x-hub-signature-256" not in call.headers:
        signature = call.header("x-hub-signature")
    if not signed(signature, call.body, token):
        return Rejected("no valid X-Hub-Signature-256 or X-Hub-Signature")
    if not _readable(call):
        return Rejected("no JSON, and no form with a JSON payload")
    event = call.header("x-github-event")
    if events and event.lower() not in {wanted.lower() for wanted in events}:
        return Rejected("the event is not among spec.events")
    return Genuine("GitHub webhook")


def _readable(call: Call) -> bool:
    media = call.header("content-type").partition(";")[0].strip().lower()
    text = call.body
    if media == "application/x-www-form-urlencoded":
        try:
            fields = parse_qs(call.body.decode(), max_num_fields=_FORM_FIELDS)
        except ValueError:
            return False
        text = "".join(fields.get("payload", [])[:1]).encode(errors="replace")
    elif media != "application/json":
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
