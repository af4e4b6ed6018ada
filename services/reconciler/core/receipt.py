"""
Receipts: what the API server answered to our last apply of each object.

An unchanged desired digest and a settled receipt mean that there is nothing to ask.
"""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.reconciler.core.fields import own_entry
from services.reconciler.core.manifest import MANAGER
from shared.model import ObjectKey

LIMIT_BYTES = 900 * 1024  # a message of the bus holds 1 MiB; more is not kept, a start verifies
# 20,000 objects take about 5 MiB; more is not ours, and becomes twenty times as much in memory.
INFLATED_LIMIT_BYTES = 8 * 1024 * 1024
_FORM = 1
_SET_LENGTH = 24  # hex digits of the hash of the set: 96 bits tell sets apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """
    The identity and the state of one object right after our apply.
    """

    uid: str
    desired_digest: str
    token: str
    generation: int
    resource_version: str

    def __repr__(self) -> str:
        return (
            f"Receipt(uid {self.uid}, {self.token}, generation {self.generation},"
            f" resourceVersion {self.resource_version})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """
    What is kept of a Kustomization: its receipts, and the spec by which it was rendered.
    """

    receipts: Mapping[ObjectKey, Receipt] = field(default_factory=dict)
    spec: dict[str, Any] | None = None


def token_of(obj: Mapping[str, Any], manager: str = MANAGER) -> str:
    """
    Return hash and time of what ``manager`` owns, ``<hash>@<time>``; empty if it owns nothing.

    The set holds paths, not values, and no version: another version of the same kind has the same
    token.
    """
    entry = own_entry(obj, manager)
    if entry is None:
        return ""
    try:
        data = orjson.dumps(entry.fields, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return ""  # nested deeper than any apply of ours: somebody else wrote it under our name
    return f"{hashlib.sha256(data).hexdigest()[:_SET_LENGTH]}@{entry.time}"


def token_set(token: str) -> str:
    """
    Return the part of a token that stands for the set of fields.
    """
    return token.partition("@")[0]


def token_time(token: str) -> str:
    """
    Return the time of a token: RFC 3339 in seconds and UTC, so that text order is time order.
    """
    return token.partition("@")[2]


def receipt_from_response(
    desired_digest: str, response: Mapping[str, Any], manager: str = MANAGER
) -> Receipt:
    """
    Take the receipt from the answer to an apply.
    """
    metadata = response.get("metadata") or {}
    return Receipt(
        uid=str(metadata.get("uid") or ""),
        desired_digest=desired_digest,
        token=token_of(response, manager),
        generation=int(metadata.get("generation") or 0),
        resource_version=str(metadata.get("resourceVersion") or ""),
    )


def encode(saved: Saved) -> bytes | None:
    """
    Pack receipts for the bus; None if they are too many to be kept.
    """
    rows = [
        [key.inventory_id, r.uid, r.desired_digest, r.token, r.generation, r.resource_version]
        for key, r in sorted(saved.receipts.items())
    ]
    for spec in (saved.spec, None):  # the receipts go first, where both are too much
        try:
            plain = orjson.dumps({"form": _FORM, "receipts": rows, "spec": spec})
        except orjson.JSONEncodeError:
            continue  # a spec that nests deeper than any of the API
        data = zlib.compress(plain, level=6)
        if len(data) <= LIMIT_BYTES:
            return data
    return None


def decode(data: bytes | None) -> Saved:
    """
    Unpack receipts; what cannot be read is no receipt, and its object is applied again.
    """
    try:
        reader = zlib.decompressobj()
        plain = reader.decompress(data or b"", INFLATED_LIMIT_BYTES)
        content = orjson.loads(plain) if reader.eof else {}
        if content["form"] != _FORM:
            return Saved()
        receipts = dict(_row(row) for row in content["receipts"])
        spec = content.get("spec")
        return Saved(receipts=receipts, spec=spec if isinstance(spec, dict) else None)
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError):
        return Saved()


def _row(row: list[Any]) -> tuple[ObjectKey, Receipt]:
    key, uid, digest, token, generation, version = row
    receipt = Receipt(
        uid=str(uid),
        desired_digest=str(digest),
        token=str(token),
        generation=int(generation),
        resource_version=str(version),
    )
    return ObjectKey.from_inventory_id(key), receipt
