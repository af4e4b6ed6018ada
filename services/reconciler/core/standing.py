"""
Drift that is left standing, by a mode, a pause or a fight: ``status.drift`` and ``Drifted``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.reconciler.core import messages
from services.reconciler.core.conditions import DRIFTED, READY, At
from services.reconciler.core.drift import DriftKind
from services.reconciler.core.explain import UNTRACED, DriftReport, FieldChange
from services.reconciler.core.fights import Fight, Reverted
from services.reconciler.core.masking import Shown
from shared.api.kustomization_status import DRIFT_LIMIT
from shared.model import Conditions, ObjectKey


class DriftAction(StrEnum):
    """
    What is done about drift.
    """

    REVERT = "revert"
    REPORT = "report"
    PAUSED = "paused"
    BACKOFF = "backoff"


_REASONS = {
    DriftAction.BACKOFF: "DriftFight",
    DriftAction.PAUSED: "Paused",
    DriftAction.REPORT: "DriftDetected",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    One object whose drift stays for now; ``text`` says so to people.
    """

    report: DriftReport
    action: DriftAction
    since: str
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        """
        Return the form of ``status.drift[]``; values are texts there.
        """
        return {
            "id": self.report.key.inventory_id,
            "since": self.since,
            "action": str(self.action),
            "by": self.report.who,
            "fields": [_field(one) for one in self.report.fields],
        }

    def __str__(self) -> str:
        return self.text or str(self.report)


def drifted(status: Mapping[str, Any], at: At, standing: Iterable[Standing]) -> dict[str, Any]:
    """
    Put standing drift into a status: the condition, and the end of Ready's message.

    Ready itself stays as it is.
    """
    found = tuple(sorted(standing, key=lambda one: one.report.key))
    conditions = Conditions.from_json(status.get("conditions"))
    new = dict(status)
    new.pop("drift", None)
    if found:
        new["drift"] = [one.to_json() for one in found[:DRIFT_LIMIT]]
        conditions = conditions.set(
            DRIFTED,
            "True",
            reason_of(found),
            message_of(found),
            generation=at.generation,
            now=at.now,
        )
    else:
        conditions = conditions.without(DRIFTED)
    ready = conditions.get(READY)
    if ready is not None and ready.status == "True":
        text = messages.with_drift(ready.message, len(found))
        conditions = conditions.set(
            READY, "True", ready.reason, text, generation=ready.generation, now=at.now
        )
    new["conditions"] = conditions.to_json()
    return new


def reason_of(found: Iterable[Standing]) -> str:
    """
    Return the reason of the condition: a fight needs people most, then a pause, then a mode.
    """
    actions = {one.action for one in found}
    return next((text for action, text in _REASONS.items() if action in actions), "DriftDetected")


def message_of(found: tuple[Standing, ...]) -> str:
    """
    Write the message of the condition: the first objects, and how many more.
    """
    rows = "; ".join(str(one) for one in found[: messages.SHOWN])
    rest = len(found) - messages.SHOWN
    return f"{rows}; and {rest} more" if rest > 0 else rows


def fight_message(report: DriftReport, ours: str, interval: str) -> str:
    """
    Say who fights whom over which fields, and how to end it.
    """
    often = f"at most once per {interval} while that goes on"
    if report.kind is not DriftKind.CHANGED:
        return (
            f"{report} again and again; {ours} makes it again {often}. To end it, find out who"
            " deletes it (the audit log knows), or drop it from Git"
        )
    return (
        f"{report.key}: {ours} and {report.who} write {report.names} in turn; reverted {often}. To"
        " end it, drop the field from Git, or name it in spec.ignore"
    )


def fights_of(status: Mapping[str, Any], *, now: datetime) -> dict[ObjectKey, Fight]:
    """
    Return the fights that a status tells of, as they go on after a restart.

    The last revert is not recorded: it counts as made now.
    """
    found: dict[ObjectKey, Fight] = {}
    for row in status.get("drift") or ():
        try:
            if row["action"] != DriftAction.BACKOFF:
                continue
            key, since = (
                ObjectKey.from_inventory_id(row["id"]),
                datetime.fromisoformat(row["since"]),
            )
        except (KeyError, TypeError, ValueError):
            continue
        by = str(row.get("by") or "")
        manager = "" if by == UNTRACED else by
        found[key] = Fight(
            reverts=(Reverted(at=now, manager=manager),),
            manager=manager,
            since=since,
            last_write=now,
        )
    return found


def event_metadata(report: DriftReport, action: DriftAction, since: str) -> dict[str, Any]:
    """
    Return what a drift event says beside its message; the caller encodes ``fields`` as JSON.
    """
    return {
        "object": str(report.key),
        "fields": [one.to_json() for one in report.fields],
        "manager": report.who,
        "since": report.since or since,
        "action": str(action),
    }


def _field(one: FieldChange) -> dict[str, str]:
    return {"path": one.path, "from": _text(one.old), "to": _text(one.new)}


def _text(value: Shown) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
