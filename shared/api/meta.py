"""
The parts that every kind of the API uses: metadata, conditions, references, artifacts.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, Strict, ValidationError

from shared.api.base import ApiModel
from shared.api.duration import format_duration, parse_duration
from shared.errors import StalledError
from shared.model import Conditions

__all__ = [
    "ApiObject",
    "ApiStatus",
    "Artifact",
    "Condition",
    "Int64",
    "LocalObjectReference",
    "ObjectMeta",
    "Timestamp",
    "format_duration",
    "parse_duration",
]

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
_REASON = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
_TYPE = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)
_DIGEST = r"^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$"
_ERRORS_SHOWN = 5  # a message names the first faults; the rest shows when these are mended

Int64 = Annotated[int, Strict(), Field(json_schema_extra={"format": "int64"})]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ObjectMeta(ApiModel):
    """
    What we use of an object's metadata.
    """

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    labels: Mapping[str, str] = Field(default_factory=dict)
    annotations: Mapping[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[Mapping[str, Any], ...] = ()


class LocalObjectReference(ApiModel):
    """
    An object in the same namespace.
    """

    name: str = Field(description="Name of the object, in the same namespace.")


class Condition(ApiModel):
    """
    One aspect of the object's state.
    """

    type: str = Field(
        description="What the condition speaks about, such as Ready.",
        max_length=316,
        pattern=_TYPE,
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field(
        description="Why, as one word for programs.",
        min_length=1,
        max_length=1024,
        pattern=_REASON,
    )
    message: str = Field(description="Why, for people.", max_length=32768)
    last_transition_time: Timestamp = Field(
        description="When status, reason or message last changed."
    )
    observed_generation: Int64 = Field(
        default=0, ge=0, description="The generation that the condition speaks about."
    )


class Artifact(ApiModel):
    """
    The packed tree of one revision.
    """

    path: str = Field(description="Path of the artifact below the server's root.")
    url: str = Field(description="Address from which the artifact can be fetched.")
    revision: str = Field(description="The revision, such as main@sha1:<commit>.")
    digest: str = Field(description="Digest of the packed bytes, algorithm first.", pattern=_DIGEST)
    last_update_time: Timestamp = Field(description="When this artifact was stored.")
    size: Int64 = Field(default=0, description="Size of the packed bytes.")
    metadata: Mapping[str, str] = Field(
        default_factory=dict, description="Facts about the revision that came with it."
    )


class ApiStatus(ApiModel):
    """
    What the statuses of all our kinds hold.
    """

    conditions: tuple[Condition, ...] = Field(
        default=(), description="The state of the object, one entry for each aspect."
    )
    observed_generation: Int64 = Field(
        default=0, description="The generation of the spec that the status speaks about."
    )

    @property
    def condition_set(self) -> Conditions:
        """
        The conditions as the value that knows how they change.
        """
        return Conditions.from_json(item.to_json() for item in self.conditions)


class ApiObject(ApiModel):
    """
    An object of one of our kinds.
    """

    api_version: str
    kind: str
    metadata: ObjectMeta = Field(default_factory=ObjectMeta)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """
        Read an object.

        Raises:
            StalledError: A known field has no valid value. The message names field and fault, and
                never the value, which may be a secret.

        """
        try:
            return cls.model_validate(data)
        except ValidationError as exc:
            raise StalledError(_explain(cls.__name__, data, exc)) from None

    def to_json(self) -> dict[str, Any]:
        """
        Return what was read or set, with kind and version, in the form of the API.
        """
        return {"apiVersion": self.api_version, "kind": self.kind, **super().to_json()}

    @property
    def requested_at(self) -> str:
        """
        The token of a person's request to look now; empty if nobody asked.
        """
        return self.metadata.annotations.get(REQUESTED_AT, "")


def _explain(kind: str, data: Mapping[str, Any], exc: ValidationError) -> str:
    metadata = data.get("metadata")
    known = metadata if isinstance(metadata, Mapping) else {}
    name = f"{known.get('namespace', '')}/{known.get('name', '')}"
    faults = [
        f"{'.'.join(str(part) for part in error['loc']) or 'object'}: {error['msg']}"
        for error in exc.errors(include_input=False, include_url=False, include_context=False)
    ]
    shown = "; ".join(faults[:_ERRORS_SHOWN])
    return f"{kind} {name} cannot be read: {shown}. Correct these fields of the object."
