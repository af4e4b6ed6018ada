"""
One object's drift as people and programs are told of it, read from a status or from an event.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC

from cli.cluster import Json
from cli.tables import one_line
from shared.messages import Event
from shared.model import ObjectKey

PAUSED = "paused"
_GROUP = "kustomize.toolkit.fluxcd.io"
_FAILED = "DriftCorrectionFailed"
_REASONS = frozenset({"DriftDetected", "DriftFight", _FAILED})
_NOBODY = "nobody known"
_IN_WORDS = {
    "revert": "reverted",
    "report": "left standing: mode warn",
    "backoff": "in a fight: reverted at most once per interval",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """
    One object that is, or was, not as declared.

    ``fields`` are path, declared value and found value, all texts; empty where there is none.
    ``time`` and ``reason`` are those of the event that told of it; what stands now has a ``key``
    instead, and ``until`` where a pause holds it.
    """

    object: str
    kustomization: str
    since: str
    action: str
    manager: str
    fields: tuple[tuple[str, str, str], ...] = ()
    time: str = ""
    reason: str = ""
    key: ObjectKey | None = None
    until: str = ""

    def to_json(self) -> Json:
        """
        Return the form for programs.
        """
        told = {"time": self.time, "reason": self.reason} if self.time else {}
        return {
            **told,
            "object": self.object,
            "kustomization": self.kustomization,
            "since": self.since,
            "action": self.action,
            "manager": self.manager,
            "fields": [{"path": path, "from": old, "to": new} for path, old, new in self.fields],
        }

    def lines(self) -> list[str]:
        """
        Return a line for people, and one for each field.
        """
        by = self.manager or _NOBODY
        what = f"{self.kustomization}: {self.object}"
        head = f"{self.time} {what}" if self.time else f"{what} since {self.since}"
        return [
            one_line(f"{head} ({self._done()}; by {by})"),
            *(
                one_line(f"    {path}: {old or '(nothing)'} → {new or '(nothing)'}")
                for path, old, new in self.fields
            ),
        ]

    def _done(self) -> str:
        if self.reason == _FAILED:
            return "revert failed"
        if self.action == PAUSED and self.until:
            return f"paused until {self.until}"
        return _IN_WORDS.get(self.action, self.action)


def standing(obj: Json) -> list[Drift]:
    """
    Return what a Kustomization's status says about drift that is left standing.
    """
    meta = obj["metadata"]
    return [
        Drift(
            object=str(key := ObjectKey.from_inventory_id(one["id"])),
            key=key,
            kustomization=f"{meta['namespace']}/{meta['name']}",
            since=one["since"],
            action=one["action"],
            manager=one.get("by") or "",
            fields=_fields(one.get("fields") or ()),
        )
        for one in (obj.get("status") or {}).get("drift") or ()
    ]


def told(event: Event) -> Drift | None:
    """
    Return the drift that an event tells of, None if it is about something else.
    """
    facts = {
        name.removeprefix(f"{_GROUP}/"): value
        for name, value in event.metadata.items()
        if name.startswith(f"{_GROUP}/")
    }
    if event.reason not in _REASONS or "object" not in facts:
        return None
    about = event.involved_object
    moment = event.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        fields = _fields(json.loads(facts.get("fields") or "[]"))
    except (ValueError, TypeError, KeyError, AttributeError):
        fields = ()
    return Drift(
        object=facts["object"],
        kustomization=f"{about.namespace}/{about.name}",
        since=facts.get("since") or moment,
        action=facts.get("action", ""),
        manager=facts.get("manager", ""),
        fields=fields,
        time=moment,
        reason=event.reason,
    )


def _fields(fields: Iterable[Json]) -> tuple[tuple[str, str, str], ...]:
    return tuple((one["path"], _text(one.get("from")), _text(one.get("to"))) for one in fields)


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)
