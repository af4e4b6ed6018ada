"""The envelope around every message."""

from typing import Any, TypeVar

from pydantic import AwareDatetime, Field, StrictInt, ValidationError
from pydantic_core import PydanticSerializationError

from shared.errors import MalformedError, WaitingError
from shared.messages.base import Message

VERSION = 1  # of envelope and payloads; a change that old readers cannot read adds one
# Seconds. A reader that is older than the writer holds the message until it is replaced itself.
UNKNOWN_VERSION_DELAY = 600.0

M = TypeVar("M", bound=Message)


class UnknownVersion(WaitingError):  # noqa: N818 -- named for the fact, like its base
    """
    The message was written by a newer program: hold it until this one is replaced.
    """

    default_reason = "UnknownVersion"


class Envelope(Message):
    """
    Id, schema version, time, trace and subject around a payload.
    """

    id: str = Field(min_length=1, max_length=256)
    version: StrictInt = VERSION
    time: AwareDatetime
    trace: str = ""
    subject: str
    payload: dict[str, Any]


class _Head(Message):
    version: StrictInt


def encode(envelope: Envelope) -> bytes:
    """
    Write the envelope as JSON.

    Raises:
        MalformedError: The payload holds something that JSON cannot say.

    """
    try:
        return envelope.model_dump_json().encode()
    except (PydanticSerializationError, UnicodeError) as error:
        raise MalformedError(
            f"message {envelope.id} for {envelope.subject} cannot be written as JSON: {error}"
        ) from error


def decode(data: bytes) -> Envelope:
    """
    Read an envelope.

    Raises:
        UnknownVersion: A newer program wrote it.
        MalformedError: It is no envelope.

    """
    try:
        envelope = Envelope.model_validate_json(data)
    except ValidationError as error:
        _refuse_unknown(_version_of(data))
        raise MalformedError(f"the message is no envelope: {_short(error)}") from error
    _refuse_unknown(envelope.version)
    return envelope


def payload_as(envelope: Envelope, model: type[M]) -> M:
    """
    Read the payload as one of the models.

    Raises:
        MalformedError: The payload does not have the model's form.

    """
    try:
        return model.model_validate(envelope.payload)
    except ValidationError as error:
        raise MalformedError(
            f"message {envelope.id} on {envelope.subject} is no {model.__name__}: {_short(error)}"
        ) from error


def _version_of(data: bytes) -> int:
    try:
        return _Head.model_validate_json(data).version
    except ValidationError:
        return VERSION


def _refuse_unknown(version: int) -> None:
    if version != VERSION:
        raise UnknownVersion(
            f"the message has schema version {version}, this program reads {VERSION}: "
            "update the program",
            retry_after=UNKNOWN_VERSION_DELAY,
        )


def _short(error: ValidationError) -> str:
    # Names fields and expectations only: the input itself may hold anything.
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "document"
    return f"{where}: {first['msg']}"[:300]
