"""
What the reconciler tells people, as values: the API's own events about a Kustomization.

The involved object is the Kustomization, never the drifted object, so that Alerts match. Facts
about drift stand in ``metadata``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from services.reconciler.core.drift import DriftKind
from services.reconciler.core.explain import DriftReport
from services.reconciler.core.receipt import Receipt
from shared.messages import Event, InvolvedObject

CONTROLLER = "kustomize-controller"  # dashboards and receivers switch on it
GROUP = "kustomize.toolkit.fluxcd.io"

Json = Mapping[str, Any]

_DONE = {
    "revert": "healing it",
    "report": "reported only, as driftDetection.mode is warn",
    "paused": "left as it is while it is paused",
    "backoff": "held back: it is reverted at most once per interval from now on",
}


def event(  # noqa: PLR0913 - the parts of an event
    declared: Json,
    *,
    severity: str,
    reason: str,
    message: str,
    now: datetime,
    metadata: Mapping[str, str] | None = None,
) -> Event:
    """
    Return an event about a Kustomization; keys of ``metadata`` get the group's prefix.
    """
    meta = declared["metadata"]
    return Event(
        involved_object=InvolvedObject(
            api_version=str(declared.get("apiVersion") or f"{GROUP}/v1"),
            kind="Kustomization",
            name=meta["name"],
            namespace=meta["namespace"],
            uid=meta["uid"],
            resource_version=meta["resourceVersion"],
        ),
        severity=severity,  # type: ignore[arg-type]  # pydantic checks it
        timestamp=now,
        message=message,
        reason=reason,
        metadata={f"{GROUP}/{key}": value for key, value in (metadata or {}).items() if value},
        reporting_controller=CONTROLLER,
    )


def note(declared: Json, reason: str, message: str, *, now: datetime) -> Event:
    """
    Return an event for the cluster only.
    """
    return event(declared, severity="trace", reason=reason, message=message, now=now)


def drift_event(
    declared: Json, report: DriftReport, *, action: str, now: datetime, began: bool = False
) -> Event:
    """
    Return what is told about one drift before anything is done about it.

    Args:
        declared: The Kustomization.
        report: What happened to the object.
        action: ``revert``, ``report``, ``paused`` or ``backoff``.
        now: The wall time.
        began: This drift made it a fight.

    """
    reason = "DriftFight" if began else "DriftDetected"
    message = f"{report}; {_DONE[action]}"
    if began:
        message = (
            f"{report.key}: {report.who} and setpoint write the same fields again and again "
            f"({_paths(report)}); it is reverted at most once per interval from now on. Drop the "
            "fields from Git, list them in spec.ignore, or stop the other writer"
        )
    return event(
        declared,
        severity="error" if began else "info",
        reason=reason,
        message=message,
        now=now,
        metadata=_facts(report, action),
    )


def correction_failed(declared: Json, report: DriftReport, error: str, *, now: datetime) -> Event:
    """
    Return what is told when the API server refused a revert.
    """
    return event(
        declared,
        severity="error",
        reason="DriftCorrectionFailed",
        message=f"{report}; the API server refuses to heal it: {error}",
        now=now,
        metadata=_facts(report, "revert"),
    )


def drift_occurrence(report: DriftReport, version: str, receipt: Receipt | None) -> str:
    """
    Return what makes this drift another one than the last: the resourceVersion it was seen in.

    A deletion has none; there it is the receipt's, which a revert replaces.
    """
    seen = version or f"after {receipt.resource_version if receipt else 'nothing'}"
    return f"{report.key.inventory_id}@{seen}"


def _facts(report: DriftReport, action: str) -> dict[str, str]:
    fields = orjson.dumps([change.to_json() for change in report.fields]).decode()
    return {
        "object": str(report.key),
        "fields": fields,
        "manager": report.manager,
        "since": report.since,
        "action": action,
        "change": report.kind.value,
    }


def _paths(report: DriftReport) -> str:
    if report.kind is not DriftKind.CHANGED:
        return f"the object was {report.kind.value}"
    return ", ".join(change.path for change in report.fields) or "fields of ours"
