"""How the object store describes an object: JetStream's own form."""

import base64
import json
import re
from dataclasses import dataclass
from datetime import datetime

from shared.messages import subjects
from shared.model import Digest

CHUNKS = f"$O.{subjects.ARTIFACTS}.C."
METAS = f"$O.{subjects.ARTIFACTS}.M."
# The end of a subject that chunks are read and removed by: a wildcard there would mean all of them.
_NUID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectMeta:
    """
    An object: ``nuid`` names its chunks, which no other object has.
    """

    name: str
    nuid: str
    size: int
    chunks: int


def describe(
    name: str, nuid: str, digest: Digest, size: int, chunks: int, chunk: int, now: datetime
) -> bytes:
    """
    Write the description of an object.
    """
    return json.dumps(
        {
            "name": name,
            "bucket": subjects.ARTIFACTS,
            "nuid": nuid,
            "size": size,
            "chunks": chunks,
            "mtime": now.isoformat(),
            "digest": "SHA-256=" + base64.urlsafe_b64encode(bytes.fromhex(digest.hex)).decode(),
            "options": {"max_chunk_size": chunk},
        }
    ).encode()


def parse_meta(data: bytes) -> ObjectMeta | None:
    """
    Read a description; a deleted object, a link or another form is none.
    """
    try:
        body = json.loads(data)
        # Links of the object store are not followed: a name means its own bytes.
        if body.get("deleted") or (body.get("options") or {}).get("link"):
            return None
        found = ObjectMeta(
            name=str(body["name"]),
            nuid=str(body["nuid"]),
            size=int(body.get("size", 0)),
            chunks=int(body.get("chunks", 0)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    sound = _NUID.fullmatch(found.nuid) and found.size >= 0 and found.chunks >= 0
    return found if sound else None


def meta_subject(name: str) -> str:
    """
    Return the subject of an object's description.
    """
    return METAS + base64.urlsafe_b64encode(name.encode()).decode()
