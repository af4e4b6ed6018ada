"""Durations, ends of pauses, and how long a provider asks us to wait."""

from datetime import UTC, datetime, timedelta

from services.notifier.core.verdict import retry_after
from services.reconciler.core.pause import LONGEST, parse_until
from shared.api.duration import format_duration, parse_duration

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def one(data):
    text = data.decode(errors="replace")
    try:
        seconds = parse_duration(text)
    except ValueError:
        pass
    else:
        assert seconds >= 0
        assert abs(parse_duration(format_duration(seconds)) - seconds) <= 1e-6 * max(1, seconds)
    until = parse_until(text, NOW)
    if isinstance(until, datetime):
        assert NOW < until <= NOW + LONGEST + timedelta(minutes=1)
    asked = retry_after(text, NOW)
    assert asked is None or asked >= 0
