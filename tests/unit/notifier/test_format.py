"""What is sent, compared byte for byte with golden files."""

import hashlib
import hmac
import html
import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.format import request_for
from services.notifier.core.format.slack import escaped
from services.notifier.core.target import Target
from services.notifier.core.wire import Skipped
from tests.unit.notifier.objects import NOW, event, order

GOLDEN = Path(__file__).parents[2] / "golden" / "notifier"
ADDRESS = "https://example.com/hook"
HOSTILE = "<!channel> <https://evil.example|click> & \x1b[31mred\u202e\r\n*bold*"

TARGETS = {
    "generic": Target(type="generic", address=ADDRESS, headers={"Authorization": "Bearer x"}),
    "generic-hmac": Target(type="generic-hmac", address=ADDRESS, token=b"sesame"),
    "slack": Target(
        type="slack", address=ADDRESS, channel="#ops", username="setpoint", token=b"xoxb-1"
    ),
}
EVENTS = {
    "info": event(metadata={"revision": "main@sha1:1eabc9a", "summary": "größe 日本"}),
    "error": event(severity="error", message=HOSTILE, metadata={"k<": HOSTILE}),
    "sparse": event(
        involved={"namespace": "", "uid": "", "resource_version": ""}, reporting_instance=""
    ),
}


def built(type_, sent, now=NOW):
    return request_for(TARGETS[type_], order(sent), delivery_id="0123abcd", now=now)


@pytest.mark.parametrize("type_", TARGETS)
@pytest.mark.parametrize("name", EVENTS)
def test_a_request_is_what_the_golden_file_says(type_, name):
    request = built(type_, EVENTS[name])
    lines = [f"POST {request.url}", *(f"{k}: {v}" for k, v in sorted(request.headers.items()))]
    text = "\n".join([*lines, "", json.dumps(json.loads(request.body), indent=1), ""])
    assert text == (GOLDEN / f"{type_}-{name}.txt").read_text()


def test_the_signature_is_over_the_very_bytes_of_the_body():
    request = built("generic-hmac", EVENTS["info"])
    expected = hmac.new(b"sesame", request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-Signature"] == f"sha256={expected}"


def test_id_and_body_are_the_same_in_every_attempt():
    first, second = (built("generic", EVENTS["info"], NOW + timedelta(hours=h)) for h in (0, 9))
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


def test_custom_headers_may_name_another_component_but_not_another_signature():
    target = Target(
        type="generic-hmac",
        address=ADDRESS,
        token=b"sesame",
        headers={"GOTK-Component": "mine", "Webhook-Signature": "forged"},
    )
    headers = request_for(target, order(), delivery_id="1", now=NOW).headers
    assert headers["GOTK-Component"] == "mine"
    assert "gotk-component" not in headers
    assert headers["webhook-signature"].startswith("v1,")
    assert headers["X-Signature"].startswith("sha256=")


def test_no_text_of_an_event_gets_into_headers():
    sent = event(reporting_controller="x\r\nEvil: 1", message="a\r\nB: c")
    headers = built("generic", sent).headers
    assert headers["gotk-component"] == "xEvil1"
    assert not any("\n" in value for value in headers.values())


def test_commit_status_updates_go_to_generic_providers_and_not_to_chats():
    sent = event(metadata={"commit_status": "update"})
    assert isinstance(built("slack", sent), Skipped)
    assert built("generic", sent).body


def test_a_chat_gets_a_cut_text():
    request = built("slack", event(message="m" * 39_000, metadata={"k": "v" * 9000}))
    (attachment,) = json.loads(request.body)["attachments"]
    assert len(attachment["text"]) == 3000
    assert attachment["text"].endswith("...")
    assert len(attachment["fields"][0]["value"]) == 500


def test_text_for_a_chat_mentions_nobody_and_links_nowhere():
    assert escaped(HOSTILE, 3000) == (
        "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; [31mred\n*bold*"
    )


def test_a_request_shows_nothing_of_itself_in_a_repr():
    assert repr(built("slack", EVENTS["info"])) == "Request(timeout=15.0)"


@given(st.text() | st.text("<!@>&#*|\x1b\u202e\r"), st.integers(10, 40))
def test_no_text_mentions_links_or_steers_in_a_chat(text, limit):
    found = escaped(text, limit)
    assert not set(found) & set("<>\x1b\r\u202e")
    assert html.unescape(found.replace("...", "")) in html.unescape(found)
    assert len(found) <= 5 * limit  # of one character five may become
    if not set(text) & set("<>&") and text.isprintable() and len(text) <= limit:
        assert found == text
