"""
The CustomResourceDefinition of a kind.
"""

from typing import Any

from shared.api.kinds import Column, KindInfo
from shared.api.schema import structural


def definition(info: KindInfo, *, version: str) -> dict[str, Any]:
    """
    Return the definition of a kind as the API server takes it.

    Args:
        info: The kind.
        version: Our own version, such as ``v0.1.0``, for the label that clients look at.

    """
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": info.crd_name,
            "annotations": {"kustomize.toolkit.fluxcd.io/substitute": "disabled"},
            "labels": {
                "app.kubernetes.io/managed-by": "setpoint",
                "app.kubernetes.io/part-of": "flux",
                "app.kubernetes.io/version": version,
            },
        },
        "spec": {
            "group": info.group,
            "names": _names(info),
            "scope": "Namespaced",
            "versions": [_version(info)],
        },
    }


def _names(info: KindInfo) -> dict[str, Any]:
    names: dict[str, Any] = {
        "kind": info.kind,
        "listKind": f"{info.kind}List",
        "plural": info.plural,
        "singular": info.singular,
        "categories": list(info.categories),
    }
    if info.short_names:
        names["shortNames"] = list(info.short_names)
    return names


def _version(info: KindInfo) -> dict[str, Any]:
    schema = structural(info.model)
    # The server's own fields: it validates metadata itself and refuses other limits on it here.
    schema["properties"]["apiVersion"] = {
        "type": "string",
        "description": "Version of the API that this object is written in.",
    }
    schema["properties"]["kind"] = {"type": "string", "description": "The kind of this object."}
    schema["properties"]["metadata"] = {"type": "object"}
    if info.status_default:
        schema["properties"]["status"]["default"] = dict(info.status_default)
    return {
        "name": info.version,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(column) for column in info.columns],
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }


def _column(column: Column) -> dict[str, Any]:
    return {"name": column.name, "type": column.type, "jsonPath": column.path}
