"""StatefulSet: all replicas ready and at the current revision."""

from collections.abc import Mapping
from typing import Any

from services.reconciler.core.health.base import Health, current, in_progress, number, part


def statefulset(obj: Mapping[str, Any]) -> Health:  # noqa: PLR0911  a ladder of rules
    """
    Judge a StatefulSet; it never fails.
    """
    spec, status = part(obj, "spec"), part(obj, "status")
    strategy = part(spec, "updateStrategy")
    if strategy.get("type") == "OnDelete":
        return current("update strategy OnDelete")
    wanted = number(spec, "replicas", 1)
    replicas, ready = number(status, "replicas"), number(status, "readyReplicas")
    if replicas < wanted:
        return in_progress(f"replicas: {replicas}/{wanted}")
    if ready < wanted:
        return in_progress(f"ready: {ready}/{wanted}")
    if replicas > wanted:
        return in_progress(f"pending termination: {replicas - wanted}")
    partition = number(part(strategy, "rollingUpdate"), "partition", -1)
    if partition >= 0:
        updated = number(status, "updatedReplicas")
        if updated < wanted - partition:
            return in_progress(f"updated: {updated}/{wanted - partition}")
        return current(f"partition rollout complete. updated: {updated}")
    at_revision = number(status, "currentReplicas")
    if at_revision < wanted:
        return in_progress(f"current: {at_revision}/{wanted}")
    if status.get("currentRevision") != status.get("updateRevision"):
        return in_progress("waiting for the update revision")
    return current(f"all replicas scheduled as expected. Replicas: {replicas}")
