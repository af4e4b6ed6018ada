from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.pause import Pause, Unreadable, parse_until, pause_of

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
UNTIL = "setpoint.dev/paused-until"


def test_a_pause_has_an_end_a_reason_and_a_name():
    annotations = {
        UNTIL: "2026-01-02T00:00:00Z",
        "setpoint.dev/paused-reason": "load test",
        "setpoint.dev/paused-by": "kim",
    }
    until = datetime(2026, 1, 2, tzinfo=UTC)
    assert pause_of(annotations, NOW) == Pause(until=until, reason="load test", by="kim")


@pytest.mark.parametrize("annotations", [None, {}, {UNTIL: ""}, {UNTIL: "2026-01-01T12:00:00Z"}])
def test_no_pause_or_one_that_ended_is_none(annotations):
    assert pause_of(annotations, NOW) is None


def test_other_time_zones_are_understood():
    assert parse_until("2026-01-01T15:00:00+02:00", NOW) == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "2026-01-02",
        "2026-01-02T00:00:00",
        "1767312000",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_a_pause_that_cannot_be_read_is_ignored_and_says_so(text):
    found = pause_of({UNTIL: text}, NOW)
    assert isinstance(found, Unreadable)
    assert text in found.message
    assert "is ignored" in found.message


def test_a_pause_ends_within_seven_days():
    week = NOW + timedelta(days=7)
    assert parse_until(week.isoformat(), NOW) == week
    later = parse_until((week + timedelta(hours=1)).isoformat(), NOW)
    assert isinstance(later, Unreadable)
    assert "more than 7 days" in later.message


def test_a_pause_says_until_when_by_whom_and_why():
    pause = Pause(until=NOW, by="ada", reason="a trial")
    assert str(pause) == f"paused until {NOW:%Y-%m-%dT%H:%M:%SZ} by ada: a trial"
    assert len(str(Pause(until=NOW, by="x" * 9000, reason="y" * 9000))) < 400


@given(st.text(max_size=40))
def test_any_text_is_answered(text):
    assert isinstance(parse_until(text, NOW), datetime | Unreadable | None)
