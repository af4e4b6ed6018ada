"""ReplicaSet: all replicas labelled, available and ready."""

from collections.abc import Mapping
from typing import Any

from services.reconciler.core.health.base import (
    Health,
    condition,
    current,
    in_progress,
    number,
    part,
    said,
)


def replicaset(obj: Mapping[str, Any]) -> Health:
    """
    Judge a ReplicaSet.
    """
    failure = condition(obj, "ReplicaFailure")
    if failure.get("status") == "True":
        return in_progress(said(failure, "replica failure"))
    status = part(obj, "status")
    wanted = number(part(obj, "spec"), "replicas", 1)
    for label, field in (
        ("labelled", "fullyLabeledReplicas"),
        ("available", "availableReplicas"),
        ("ready", "readyReplicas"),
    ):
        if number(status, field) < wanted:
            return in_progress(f"{label}: {number(status, field)}/{wanted}")
    replicas = number(status, "replicas")
    if replicas > wanted:
        return in_progress(f"pending termination: {replicas - wanted}")
    return current(f"ReplicaSet is available. Replicas: {replicas}")
