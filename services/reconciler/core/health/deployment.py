"""Deployment: rolled out, available, and none of the old replicas left."""

from collections.abc import Mapping
from typing import Any

from services.reconciler.core.health.base import (
    Health,
    condition,
    current,
    failed,
    in_progress,
    number,
    part,
    said,
)


def deployment(obj: Mapping[str, Any]) -> Health:
    """
    Judge a Deployment.
    """
    progressing = condition(obj, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return failed(said(progressing, "progress deadline exceeded"))
    waiting = _replicas(part(obj, "spec"), part(obj, "status"))
    if waiting:
        return in_progress(waiting)
    done = (progressing.get("status"), progressing.get("reason")) == (
        "True",
        "NewReplicaSetAvailable",
    )
    if "progressDeadlineSeconds" in part(obj, "spec") and not done:
        return in_progress("ReplicaSet not Available")
    if condition(obj, "Available").get("status") != "True":
        return in_progress("Deployment not Available")
    return current(f"Deployment is available. Replicas: {number(part(obj, 'status'), 'replicas')}")


def _replicas(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    wanted = number(spec, "replicas", 1)
    replicas, updated = number(status, "replicas"), number(status, "updatedReplicas")
    available, ready = number(status, "availableReplicas"), number(status, "readyReplicas")
    if replicas < wanted:
        return f"replicas: {replicas}/{wanted}"
    if updated < wanted:
        return f"updated: {updated}/{wanted}"
    if replicas > wanted:
        return f"pending termination: {replicas - wanted}"
    if available < updated:
        return f"available: {available}/{updated}"
    return f"ready: {ready}/{wanted}" if ready < wanted else ""
