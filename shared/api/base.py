"""
What all types of the API have in common: reading, writing, rules between fields.

Read tolerantly: unknown fields are ignored, so that a newer CRD or another program's status never
stops a service. Written exactly: only what was read or set, in the API's spelling.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, Strict, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

# Marks a default that the API server fills in; other defaults are only how absence is read.
SERVED: dict[str, Any] = {"x-served-default": True}

Flag = Annotated[bool, Strict()]  # the API server takes no "yes" for a boolean; nor do we


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """
    A condition between fields, once for the API server (``cel``) and once for us (``holds``).
    """

    cel: str
    message: str
    holds: Callable[[Any], bool]


def has(model: BaseModel, name: str) -> bool:
    """
    Say whether a field was given, as CEL's ``has()`` does: an empty string was.
    """
    return name in model.model_fields_set and getattr(model, name) is not None


class ApiModel(BaseModel):
    """
    A frozen part of an object of the API, camelCase on the wire.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    def to_json(self) -> dict[str, Any]:
        """
        Return what was read or set, in the form of the API.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                raise ValueError(rule.message)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core_schema)
        if cls.rules:
            handler.resolve_ref_schema(schema)["x-kubernetes-validations"] = [
                {"message": rule.message, "rule": rule.cel} for rule in cls.rules
            ]
        return schema
