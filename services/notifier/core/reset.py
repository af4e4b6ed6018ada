"""
What is said after the bus was wiped: that it was, and what is not Ready now.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.notifier.core.match import BUS_RESET
from shared.messages import Event, InvolvedObject
from shared.model import Conditions

CONTROLLER = "notification-controller"
# Kinds that have a Ready condition of ours, with the name of who reports about them.
WATCHED = (
    ("source.toolkit.fluxcd.io", "GitRepository", "source-controller"),
    ("kustomize.toolkit.fluxcd.io", "Kustomization", "kustomize-controller"),
)
_LOST = (
    "The bus was wiped: events that waited there for delivery may be lost. "
    "What is not Ready now is reported again; nothing else needs to be done."
)


def reset_event(lease: Mapping[str, Any], now: datetime) -> Event:
    """
    Say that the bus was wiped; the Lease of the notifier stands for it.
    """
    return Event(
        involved_object=_involved(lease),
        severity="info",
        timestamp=now,
        message=_LOST,
        reason=BUS_RESET,
        reporting_controller=CONTROLLER,
    )


def trouble_of(found: Mapping[str, Any], controller: str, now: datetime) -> Event | None:
    """
    Return the event that says why an object is not Ready; none if it is, or says nothing yet.
    """
    status = found.get("status") or {}
    ready = Conditions.from_json(status.get("conditions")).get("Ready")
    if ready is None or ready.status != "False" or (found.get("spec") or {}).get("suspend"):
        return None
    revision = (status.get("artifact") or {}).get("revision") or status.get("lastAttemptedRevision")
    return Event(
        involved_object=_involved(found),
        severity="error",
        timestamp=now,
        message=ready.message,
        reason=ready.reason,
        metadata={"revision": str(revision)} if revision else {},
        reporting_controller=controller,
    )


def _involved(found: Mapping[str, Any]) -> InvolvedObject:
    metadata = found["metadata"]
    return InvolvedObject(
        api_version=str(found["apiVersion"]),
        kind=str(found["kind"]),
        name=str(metadata["name"]),
        namespace=str(metadata.get("namespace", "")),
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
    )
