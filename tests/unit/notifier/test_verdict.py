"""What a reply means."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from services.notifier.core.format import verdict_on
from services.notifier.core.format.slack import API_ADDRESS
from services.notifier.core.target import Target
from services.notifier.core.verdict import retry_after
from services.notifier.core.wire import Accepted, Later, Refused, Reply
from tests.unit.notifier.objects import NOW

GENERIC = Target(type="generic", address="https://example.com")
SLACK = Target(type="slack", address=API_ADDRESS)
LEGACY = Target(type="slack", address="https://hooks.slack.com/services/T/B/x")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(status):
    assert verdict_on(GENERIC, Reply(status=status), NOW) == Accepted()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_later(status):
    verdict = verdict_on(GENERIC, Reply(status=status, retry_after="7"), NOW)
    assert isinstance(verdict, Later)
    assert verdict.after == 7.0
    assert str(status) in verdict.reason


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 413, 422])
def test_every_other_answer_is_a_refusal(status):
    verdict = verdict_on(GENERIC, Reply(status=status), NOW)
    assert isinstance(verdict, Refused)
    assert str(status) in verdict.reason


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        (format_datetime(NOW + timedelta(seconds=90)), pytest.approx(90, abs=1)),
        (format_datetime(NOW - timedelta(days=1)), 0.0),
        ("Wed, 21 Oct 2099 07:28:00", pytest.approx(2.33e9, rel=0.01)),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 400, 999999999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert retry_after(text, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"ok":true}', Accepted),
        (b'{"ok":false,"error":"channel_not_found"}', Refused),
        (b'{"ok":false,"error":"ratelimited"}', Later),
        (b'{"ok":false}', Refused),
        (b"[]", Refused),
        (b"<html>", Later),
        (b"[" * 100_000, Later),
    ],
)
def test_slacks_api_says_in_the_body_what_it_refuses(body, expected):
    assert isinstance(verdict_on(SLACK, Reply(status=200, body=body), NOW), expected)


def test_slacks_word_is_shown_without_what_it_should_not_hold():
    body = b'{"ok":false,"error":"no_such\\u001b[31m<x>"}'
    verdict = verdict_on(SLACK, Reply(status=200, body=body), NOW)
    assert verdict == Refused(
        "Slack answered no_such31mx: correct the channel or the token of the Provider"
    )


def test_a_legacy_webhook_of_slack_is_judged_by_its_status():
    assert verdict_on(LEGACY, Reply(status=200, body=b"ok"), NOW) == Accepted()
    assert isinstance(verdict_on(LEGACY, Reply(status=404), NOW), Refused)
