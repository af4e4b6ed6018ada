"""
What the service and its Git workers say to each other, and how it travels through a pipe.

A frame is a length and JSON, then the lengths and bytes of its blobs. Nothing is pickled: a worker
reads what strangers wrote.
"""

import json
import struct
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

_HEAD = struct.Struct(">IQQ")  # bytes of JSON, archive, index
HEAD_SIZE = _HEAD.size
JSON_LIMIT = 4 * 1024 * 1024  # bytes; an ignore list is the largest part, the API holds 1.5 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One look at an origin. ``credentials`` holds the texts of ``core.credentials``.

    With ``head`` it is asked whether the known commit is among those before that one, and no more.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str
    origin: str
    addresses: list[str]
    reference: dict[str, str]
    ignore: str
    known: str
    where: str
    head: str = ""
    credentials: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What came of it: ``unchanged``, ``fetched``, or ``failed`` with reason and message.

    Asked about a head: ``forward`` or ``rewritten``.

    ``revision`` is set as soon as the origin said it, even where the fetch then failed. ``last``
    says that the worker ends itself after this answer.
    """

    kind: str
    revision: str = ""
    subject: str = ""
    files: int = 0
    reason: str = ""
    message: str = ""
    retry_after: float | None = None
    last: bool = False


def frame(value: Job | Answer, archive: bytes = b"", index: bytes = b"") -> list[bytes]:
    """
    Return the parts to write.
    """
    text = json.dumps(asdict(value)).encode()
    return [_HEAD.pack(len(text), len(archive), len(index)), text, archive, index]


def lengths(head: bytes) -> tuple[int, int, int]:
    """
    Read the head of a frame.

    Raises:
        ValueError: The JSON is longer than any that we write.

    """
    text, archive, index = _HEAD.unpack(head)
    if text > JSON_LIMIT:
        raise ValueError(f"a frame of {text} bytes")
    return text, archive, index


def read_job(stream: BinaryIO) -> Job | None:
    """
    Read the next job; None when the service has closed the pipe.
    """
    head = stream.read(HEAD_SIZE)
    if len(head) < HEAD_SIZE:
        return None
    text, _, _ = lengths(head)
    return Job(**json.loads(stream.read(text)))


def read_answer(text: bytes) -> Answer:
    """
    Read an answer's JSON.
    """
    fields: dict[str, Any] = json.loads(text)
    return Answer(**fields)
