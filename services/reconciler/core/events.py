"""
What the reconciler tells people, as values: the API's own events about a Kustomization.

The involved object is the Kustomization, never the drifted object, so that Alerts match. Facts
about drift stand in ``metadata``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from services.reconciler.core.explain import DriftReport
from services.reconciler.core.receipt import Receipt
from services.reconciler.core.standing import DriftAction, event_metadata
from shared.messages import Event, InvolvedObject

CONTROLLER = "kustomize-controller"  # dashboards and receivers switch on it
GROUP = "kustomize.toolkit.fluxcd.io"

Json = Mapping[str, Any]

HEALING = "healing it"
REPORTED = "left so, as driftDetection.mode is warn"


def event(
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
        severity=severity,
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
    declared: Json, report: DriftReport, action: DriftAction, done: str, *, now: datetime
) -> Event:
    """
    Return what is told about one drift before that is done which ``done`` names.
    """
    return event(
        declared,
        severity="info",
        reason="DriftDetected",
        message=f"{report}; {done}",
        now=now,
        metadata=_facts(report, action, now),
    )


def fight_event(declared: Json, report: DriftReport, message: str, *, now: datetime) -> Event:
    """
    Return what is told once when a fight is found out.
    """
    return event(
        declared,
        severity="error",
        reason="DriftFight",
        message=message,
        now=now,
        metadata=_facts(report, DriftAction.BACKOFF, now),
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
        metadata=_facts(report, DriftAction.REVERT, now),
    )


def drift_occurrence(report: DriftReport, version: str, receipt: Receipt | None) -> str:
    """
    Return what makes this drift another one than the last: the resourceVersion it was seen in.

    A deletion has none; there it is the receipt's, which a revert replaces.
    """
    seen = version or f"after {receipt.resource_version if receipt else 'nothing'}"
    return f"{report.key.inventory_id}@{seen}"


def _facts(report: DriftReport, action: DriftAction, now: datetime) -> dict[str, str]:
    since = now.isoformat(timespec="milliseconds")
    facts = event_metadata(report, action, since)
    return {**facts, "fields": orjson.dumps(facts["fields"]).decode()}
