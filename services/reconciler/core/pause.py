"""
The pause of one object: an annotation with an expiry, so that nobody forgets it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

PAUSED_UNTIL = "setpoint.dev/paused-until"
PAUSED_REASON = "setpoint.dev/paused-reason"
PAUSED_BY = "setpoint.dev/paused-by"
LONGEST = timedelta(days=7)  # a longer pause should be a change in Git
_SHOWN = 120  # characters of what a person wrote
# The clock of the writer may be ahead of ours.
_TOLERANCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """
    No revert of this object until then.
    """

    until: datetime
    reason: str = ""
    by: str = ""

    def __str__(self) -> str:
        by = f" by {self.by[:_SHOWN]}" if self.by else ""
        why = f": {self.reason[:_SHOWN]}" if self.reason else ""
        return f"paused until {self.until:%Y-%m-%dT%H:%M:%SZ}{by}{why}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """
    A pause that is ignored, and why.
    """

    message: str


def pause_of(annotations: Mapping[str, Any] | None, now: datetime) -> Pause | Unreadable | None:
    """
    Read the pause from an object's annotations; None if there is none or it has ended.
    """
    annotations = annotations or {}
    text = str(annotations.get(PAUSED_UNTIL) or "")
    until = parse_until(text, now)
    if not isinstance(until, datetime):
        return until
    return Pause(
        until=until,
        reason=str(annotations.get(PAUSED_REASON) or ""),
        by=str(annotations.get(PAUSED_BY) or ""),
    )


def parse_until(text: str, now: datetime) -> datetime | Unreadable | None:
    """
    Read the annotation's value alone, as an observation keeps it.
    """
    if not text:
        return None
    until = _moment(text)
    if until is None:
        return Unreadable(
            f"{PAUSED_UNTIL}: {text[:40]!r} is not a time like 2026-01-31T12:00:00Z; the pause is"
            " ignored"
        )
    if until <= now:
        return None
    if until > now + LONGEST + _TOLERANCE:
        return Unreadable(
            f"{PAUSED_UNTIL}: {text[:40]} is more than {LONGEST.days} days ahead; the pause is"
            " ignored, choose an earlier time"
        )
    return until


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):  # the first and the last day may be out of range in UTC
        return None
