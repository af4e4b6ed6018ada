"""
Put what happens into plain words: events, deliveries and Kubernetes Events become facts; pure.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.messages import Event

# Lines of one event's change log; the rest is counted.
SHOWN = 12
# Characters of one line: more than two lines of a terminal are not read.
WIDTH = 240
_COMMIT = re.compile(r"(sha1:[0-9a-f]{7})[0-9a-f]{33}\b")
_SUBJECT = re.compile(r"^stored artifact for commit '(.*)'$", re.DOTALL)
_CHANGED = re.compile(r"^\S+ (created|configured|deleted)$")


class Tone(StrEnum):
    """
    How a line looks on a terminal.
    """

    PLAIN = "plain"
    GOOD = "good"
    NOTE = "note"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """
    One line: who, what, and whether it is good.
    """

    who: str
    text: str
    tone: Tone = Tone.PLAIN


def of_event(event: Event) -> list[Fact]:
    """
    Tell an event of a source or of a Kustomization.
    """
    about = f"{event.involved_object.kind}/{event.involved_object.name}"
    who = "source" if event.involved_object.kind.endswith("Repository") else "reconciler"
    if event.involved_object.kind in {"Lease", "Provider", "Alert", "Receiver"}:
        who = "notifier"
    if event.reason == "NewArtifact":
        return [Fact(who=who, text=_fetched(about, event), tone=Tone.GOOD)]
    if event.reason.startswith("Drift") and _fact(event, "object"):
        tone = Tone.BAD if event.severity == "error" else Tone.NOTE
        return [Fact(who=who, text=f"{about}: {line}", tone=tone) for line in _drift(event)]
    if event.severity == "error":
        text = f"{about}: {event.reason}: {event.message}"
        return [Fact(who=who, text=readable(text), tone=Tone.BAD)]
    lines = event.message.splitlines()
    if lines and all(_CHANGED.match(line) for line in lines):
        return [Fact(who=who, text=f"{about}: {line}") for line in _shortened(lines)]
    tone = Tone.GOOD if "passed" in event.message or "finished" in event.message else Tone.PLAIN
    return [Fact(who=who, text=readable(f"{about}: {event.message}"), tone=tone)]


def of_healed(event: Mapping[str, Any]) -> Fact:
    """
    Tell the Kubernetes Event that a drift was reverted.
    """
    about = event.get("involvedObject") or event.get("regarding") or {}
    message = str(event.get("message") or event.get("note") or "")
    name = f"{about.get('kind', '')}/{about.get('name', '')}"
    return Fact(who="reconciler", text=readable(f"{name}: healed: {message}"), tone=Tone.GOOD)


def of_delivery(entry: Mapping[str, Any]) -> Fact:
    """
    Tell a webhook that arrived.
    """
    body = entry.get("body")
    event = body if isinstance(body, dict) else {}
    about = event.get("involvedObject") or {}
    what = (
        f"{event.get('reason', 'a message')} of {about.get('kind', '?')}/{about.get('name', '?')}"
    )
    text = readable(f"delivered to {entry.get('path', '/')}: {what}")
    return Fact(who="webhook", text=text, tone=Tone.QUIET)


def readable(text: str) -> str:
    """
    Shorten revisions and make one line of it; what terminals would obey is taken out.
    """
    line = "".join(char if char.isprintable() else " " for char in text)
    line = _COMMIT.sub(r"\1", " ".join(line.split()))
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."


def _fetched(about: str, event: Event) -> str:
    subject = _SUBJECT.match(event.message)
    said = f" ({subject[1]})" if subject else f": {event.message}"
    return readable(f"{about}: fetched {_fact(event, 'revision')}{said}")


def _drift(event: Event) -> list[str]:
    name, manager = _fact(event, "object"), _fact(event, "manager")
    by = f" by {manager}" if manager else ", by a client that left no trace"
    head = {"DriftDetected": "drift", "DriftFight": "fight"}.get(event.reason, event.reason)
    fields = [
        f"{field.get('path')} {_value(field.get('from'))} → {_value(field.get('to'))}"
        for field in _fields(event)
    ]
    if event.reason != "DriftDetected":
        return [readable(f"{head}: {name}: {event.message}")]
    if not fields:
        return [readable(f"{head}: {event.message}")]
    return [readable(f"{head}: {name} {field}{by}") for field in _shortened(fields)]


def _fields(event: Event) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(_fact(event, "fields") or "[]")
    except ValueError:
        return []
    return [field for field in found if isinstance(field, dict)] if isinstance(found, list) else []


def _fact(event: Event, key: str) -> str:
    """
    Read metadata, whose keys carry the group of the object's kind.
    """
    found = (value for name, value in event.metadata.items() if name.rpartition("/")[2] == key)
    return next(found, "")


def _value(value: object) -> str:
    return "(none)" if value is None else str(value)


def _shortened(lines: list[str]) -> list[str]:
    rest = len(lines) - SHOWN
    shown = [readable(line) for line in lines[:SHOWN]]
    return [*shown, f"and {rest} more"] if rest > 0 else shown
