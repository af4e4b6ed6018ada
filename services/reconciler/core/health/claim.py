"""PersistentVolumeClaim: bound."""

from collections.abc import Mapping
from typing import Any

from services.reconciler.core.health.base import Health, current, in_progress, part


def claim(obj: Mapping[str, Any]) -> Health:
    """
    Judge a PersistentVolumeClaim.
    """
    if part(obj, "status").get("phase") == "Bound":
        return current("PVC is Bound")
    return in_progress("PVC is not Bound")
