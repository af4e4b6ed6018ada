"""DaemonSet: as many pods as nodes, updated and ready."""

from collections.abc import Mapping
from typing import Any

from services.reconciler.core.health.base import Health, current, in_progress, number, part


def daemonset(obj: Mapping[str, Any]) -> Health:
    """
    Judge a DaemonSet.
    """
    status = part(obj, "status")
    if "generation" not in part(obj, "metadata") or "observedGeneration" not in status:
        return in_progress("generation or observedGeneration is missing")
    if "desiredNumberScheduled" not in status:
        return in_progress("desiredNumberScheduled is missing")
    wanted = number(status, "desiredNumberScheduled")
    for label, field in (
        ("current", "currentNumberScheduled"),
        ("updated", "updatedNumberScheduled"),
        ("available", "numberAvailable"),
        ("ready", "numberReady"),
    ):
        if number(status, field) < wanted:
            return in_progress(f"{label}: {number(status, field)}/{wanted}")
    return current(f"all replicas scheduled as expected. Replicas: {wanted}")
