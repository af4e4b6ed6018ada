"""
JSON schema of a type → structural schema of a CustomResourceDefinition.

Structural schemas know no references and no unions, so definitions are inlined and "or null"
is dropped: a field that is not wanted is left out. Of the defaults only those stay that the API
server shall fill in.
"""

from collections.abc import Mapping
from typing import Any

from shared.api.base import SERVED, ApiModel

_COPIED = (
    "description",
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
)
_EXTENSION = "x-kubernetes-"
_REFERENCE = "#/$defs/"
_SERVED = next(iter(SERVED))

Schema = dict[str, Any]


def structural(model: type[ApiModel]) -> Schema:
    """
    Return the structural schema of a type.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return inline(schema, schema.get("$defs", {}))


def inline(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """
    Return one node of a JSON schema, and all below it, in structural form.

    Raises:
        ValueError: A union that is not "or null": structural schemas cannot say it.

    """
    node = _resolve(schema, definitions)
    result: Schema = {key: node[key] for key in _COPIED if key in node}
    if "const" in node:
        result["enum"] = [node["const"]]
    if node.get(_SERVED):
        result["default"] = node["default"]
    if "items" in node:
        result["items"] = inline(node["items"], definitions)
    if isinstance(node.get("additionalProperties"), Mapping):
        result["additionalProperties"] = inline(node["additionalProperties"], definitions)
    if "properties" in node:
        result["properties"] = {
            name: inline(child, definitions) for name, child in sorted(node["properties"].items())
        }
    if "required" in node:
        result["required"] = sorted(node["required"])
    result.update({key: value for key, value in node.items() if key.startswith(_EXTENSION)})
    return result


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    # What stands beside a reference or a union describes the field: it goes before what the
    # definition says of the type.
    if "$ref" in schema:
        target = definitions[schema["$ref"].removeprefix(_REFERENCE)]
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _resolve({**target, **beside}, definitions)
    if "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice.get("type") != "null"]
        if len(choices) != 1:
            raise ValueError(f"a structural schema has no union: {sorted(schema)}")
        beside = {key: value for key, value in schema.items() if key != "anyOf"}
        return _resolve({**choices[0], **beside}, definitions)
    return schema
