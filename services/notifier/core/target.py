"""
What a Provider and its Secret say about where to send, checked.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.api import Provider
from shared.errors import StalledError, WaitingError

TYPES = ("generic", "generic-hmac", "slack")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a header's name (RFC 9110)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # a header's value; no line break gets in
_NOT_OURS = frozenset({"content-length", "transfer-encoding", "connection", "x-signature"})
# Fields that later releases implement; until then they are refused and not passed over in silence.
_UNSUPPORTED = {
    "cert_secret_ref": "certSecretRef",
    "proxy_secret_ref": "proxySecretRef",
    "proxy": "proxy",
    "service_account_name": "serviceAccountName",
    "commit_status_expr": "commitStatusExpr",
}
_PLAIN = frozenset({"generic", "generic-hmac"})  # types that send the event as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    Where and how to send; what may be secret never shows.
    """

    type: str
    address: str = field(repr=False)
    token: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    channel: str = ""
    username: str = ""
    timeout: float = 15.0


def check_supported(provider: Provider) -> None:
    """
    Refuse a Provider that asks for what is not implemented.

    Raises:
        StalledError: Names the type and the fields, and what to do.

    """
    spec = provider.spec
    faults = []
    if spec.type not in TYPES:
        faults.append(f"spec.type {spec.type} is not supported yet: use {', '.join(TYPES)}")
    faults += [
        f"spec.{name} is not supported yet: remove it"
        for attribute, name in _UNSUPPORTED.items()
        if getattr(spec, attribute)
    ]
    if faults:
        raise StalledError("; ".join(faults), reason="NotSupported")


def idle_settings(provider: Provider) -> tuple[str, ...]:
    """
    Return what is said of fields that a usable Provider gives in vain.
    """
    spec = provider.spec
    idle = {
        "interval": (spec.interval, "remove it"),
        "channel": (spec.type in _PLAIN and spec.channel, f"type {spec.type} has no channels"),
        "username": (spec.type in _PLAIN and spec.username, f"type {spec.type} shows no names"),
    }
    return tuple(
        f"spec.{name} has no effect: {why}" for name, (given, why) in idle.items() if given
    )


def target_of(provider: Provider, secret: Mapping[str, bytes]) -> Target:
    """
    Join a Provider with the values of its Secret.

    Raises:
        StalledError: Something is not supported or has no valid form.
        WaitingError: The address or the token is not there.

    """
    check_supported(provider)
    spec = provider.spec
    if secret.get("proxy"):
        raise StalledError(
            f"{_secret(provider)} has the entry proxy, which is not supported yet: remove it",
            reason="NotSupported",
        )
    address = _text(provider, secret, "address") or spec.address
    if not address:
        raise WaitingError(
            "there is no address: set spec.address or the entry address of the Secret in "
            "spec.secretRef",
            reason="InvalidConfig",
        )
    token = secret.get("token", b"").strip()
    if spec.type == "generic-hmac" and not token:
        raise WaitingError(
            "type generic-hmac signs with a token: put it into the entry token of the Secret in "
            "spec.secretRef",
            reason="TokenNotFound",
        )
    return Target(
        type=spec.type,
        address=address,
        token=token,
        headers=headers_of(_text(provider, secret, "headers")),
        channel=spec.channel,
        username=_text(provider, secret, "username") or spec.username,
        timeout=spec.timeout_seconds,
    )


def headers_of(text: str) -> dict[str, str]:
    """
    Read the entry ``headers``: a map of strings, as lines ``Name: value`` or as JSON.

    Raises:
        StalledError: Another form, or a header that is not for users. Never shows a value.

    """
    if not text.strip():
        return {}
    pairs = _json_pairs(text) if text.lstrip().startswith("{") else _line_pairs(text)
    for name, value in pairs.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise _no_headers(f"{name[:40]!r} or its value has a character that is not allowed")
        if name.lower() in _NOT_OURS:
            raise _no_headers(f"{name} is set by the notifier itself")
    return pairs


def _json_pairs(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise _no_headers("it is no JSON") from exc
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise _no_headers("it is no map of strings")
    return found


def _line_pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#") or line.strip() == "---":
            continue
        name, colon, value = line.partition(":")
        if not colon or line[0].isspace() or (value and not value[0].isspace()):
            raise _no_headers(f"line {number} is not of the form Name: value")
        pairs[_unquoted(name.strip())] = _unquoted(value.strip())
    return pairs


def _unquoted(text: str) -> str:
    for quote in "'\"":
        if len(text) > 1 and text[0] == quote == text[-1]:
            return text[1:-1]
    return text


def _no_headers(fault: str) -> StalledError:
    return StalledError(
        f"the entry headers of the Secret in spec.secretRef is not valid: {fault}. Write one "
        "`Name: value` a line",
        reason="InvalidConfig",
    )


def _text(provider: Provider, secret: Mapping[str, bytes], entry: str) -> str:
    try:
        return secret.get(entry, b"").decode().strip()
    except UnicodeDecodeError as exc:
        raise StalledError(
            f"the entry {entry} of {_secret(provider)} is not UTF-8: write text",
            reason="InvalidConfig",
        ) from exc


def _secret(provider: Provider) -> str:
    name = provider.spec.secret_ref.name if provider.spec.secret_ref else ""
    return f"Secret {provider.metadata.namespace}/{name}"
