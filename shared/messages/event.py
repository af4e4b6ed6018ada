"""Facts about objects, in the form of the API's own events."""

import hashlib
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.messages.base import Message

MESSAGE_LIMIT = 39_000  # characters, as the API has it
_CUT = "..."


def _cut(text: object) -> object:
    if isinstance(text, str) and len(text) > MESSAGE_LIMIT:
        return text[: MESSAGE_LIMIT - len(_CUT)] + _CUT
    return text


class _Camel(Message):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True
    )


class InvolvedObject(_Camel):
    """
    The object that an event is about: never the drifted object, but what declares it.
    """

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class Event(_Camel):
    """
    Something that happened to an object; longer messages are cut at the API's limit.
    """

    involved_object: InvolvedObject
    severity: Literal["info", "error", "trace"]
    timestamp: AwareDatetime
    message: Annotated[str, BeforeValidator(_cut)]
    reason: str
    metadata: dict[str, str] = Field(default_factory=dict)
    reporting_controller: str
    reporting_instance: str = ""


def event_id(cluster: str, uid: str, reason: str, occurrence: str) -> str:
    """
    Compute the id of an event: a retry computes the same, a second occurrence another.
    """
    # Lengths keep ("a", "bc") and ("ab", "c") apart.
    parts = "".join(f"{len(part)}:{part}" for part in (cluster, uid, reason, occurrence))
    return hashlib.sha256(parts.encode(errors="surrogatepass")).hexdigest()
