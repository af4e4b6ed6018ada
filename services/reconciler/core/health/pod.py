"""Pod: running and ready, or done."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from services.reconciler.core.health.base import (
    Health,
    Status,
    condition,
    current,
    failed,
    in_progress,
    maps,
    part,
)

# A scheduler needs a moment, and nodes may be on their way.
UNSCHEDULABLE_GRACE = timedelta(seconds=15)


def pod(obj: Mapping[str, Any], now: datetime | None) -> Health:
    """
    Judge a Pod; its age counts while nobody schedules it.
    """
    phase = part(obj, "status").get("phase")
    match phase:
        case "Succeeded":
            return current("Pod has completed successfully")
        case "Failed":
            return current("Pod has completed, but not successfully")
        case "Running":
            return _running(obj)
        case "Pending":
            return _pending(obj, now)
        case None | "":
            return in_progress("Pod phase not available")
        case _:
            return Health(Status.UNKNOWN, f"unknown Pod phase {str(phase)[:40]}")


def _running(obj: Mapping[str, Any]) -> Health:
    if condition(obj, "Ready").get("status") == "True":
        return current("Pod is Ready")
    status = part(obj, "status")
    crashing = [
        str(container.get("name"))
        for field in ("initContainerStatuses", "containerStatuses")
        for container in maps(status, field)
        if part(container, "state", "waiting").get("reason") == "CrashLoopBackOff"
    ]
    if crashing:
        return failed(f"containers in CrashLoop state: {','.join(crashing)}")
    return in_progress("Pod is running but is not Ready")


def _pending(obj: Mapping[str, Any], now: datetime | None) -> Health:
    scheduled = condition(obj, "PodScheduled")
    unschedulable = (scheduled.get("status"), scheduled.get("reason")) == ("False", "Unschedulable")
    if unschedulable and _age(obj, now) > UNSCHEDULABLE_GRACE:
        return failed("Pod could not be scheduled")
    return in_progress("Pod is in the Pending phase")


def _age(obj: Mapping[str, Any], now: datetime | None) -> timedelta:
    try:
        created = datetime.fromisoformat(str(part(obj, "metadata").get("creationTimestamp")))
        return now - created if now else timedelta()
    except (ValueError, TypeError):
        return timedelta()
