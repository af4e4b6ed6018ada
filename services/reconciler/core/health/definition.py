"""CustomResourceDefinition: its names are accepted and its kind is served."""

from collections.abc import Mapping
from typing import Any

from services.reconciler.core.health.base import (
    Health,
    condition,
    current,
    failed,
    in_progress,
    said,
)


def definition(obj: Mapping[str, Any]) -> Health:
    """
    Judge a CustomResourceDefinition.
    """
    names = condition(obj, "NamesAccepted")
    if names.get("status") == "False":
        return failed(said(names, "names are not accepted"))
    established = condition(obj, "Established")
    if established.get("status") == "True":
        return current("CRD is established")
    if established.get("status") == "False" and established.get("reason") != "Installing":
        return failed(said(established, "CRD is not established"))
    return in_progress("CRD is being installed")
