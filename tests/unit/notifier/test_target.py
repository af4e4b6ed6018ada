"""What a Provider and its Secret say about where to send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.target import headers_of, target_of
from shared.errors import SetpointError, StalledError, WaitingError
from tests.unit.notifier.objects import provider


def test_the_secret_goes_before_the_spec():
    found = target_of(
        provider(username="spec", timeout="3s", channel="c"),
        {"address": b" https://secret.example/x\n", "username": b"bot", "token": b"t\n"},
    )
    assert (found.address, found.username) == ("https://secret.example/x", "bot")
    assert (found.token, found.timeout, found.channel) == (b"t", 3.0, "c")


def test_fifteen_seconds_are_the_limit_where_none_is_given():
    assert target_of(provider(), {}).timeout == 15.0


@pytest.mark.parametrize("type_", ["discord", "msteams", "github", "pagerduty", "nats"])
def test_other_types_are_refused_by_name_with_a_remedy(type_):
    with pytest.raises(StalledError, match=f"{type_} is not supported yet: use generic") as caught:
        target_of(provider(type=type_), {})
    assert caught.value.reason == "NotSupported"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("certSecretRef", {"name": "x"}),
        ("proxySecretRef", {"name": "x"}),
        ("proxy", "http://proxy.example"),
        ("serviceAccountName", "x"),
    ],
)
def test_fields_that_come_later_are_refused_and_not_ignored(field, value):
    with pytest.raises(StalledError, match=rf"spec\.{field} is not supported yet"):
        target_of(provider(**{field: value}), {})


def test_the_old_entry_for_a_proxy_is_refused_too():
    with pytest.raises(StalledError, match="proxy"):
        target_of(provider(), {"proxy": b"http://proxy.example"})


def test_without_address_the_provider_waits_for_one():
    with pytest.raises(WaitingError, match=r"spec\.address"):
        target_of(provider(address=""), {})


def test_a_signature_needs_a_token():
    with pytest.raises(WaitingError, match="token") as caught:
        target_of(provider(type="generic-hmac"), {"token": b"  "})
    assert caught.value.reason == "TokenNotFound"


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", {}),
        ("Authorization: Bearer x\nX-Forwarded-Proto: https\n", None),
        ('# note\n---\n"Authorization": "Bearer x"\nX-Forwarded-Proto: \'https\'', None),
        ('{"Authorization": "Bearer x", "X-Forwarded-Proto": "https"}', None),
    ],
)
def test_headers_are_lines_or_json(text, pairs):
    expected = {"Authorization": "Bearer x", "X-Forwarded-Proto": "https"}
    assert headers_of(text) == (expected if pairs is None else pairs)


@pytest.mark.parametrize(
    "text",
    [
        "no colon",
        "A:b",
        "  nested: x",
        "A: b\n  c",
        '{"A": 1}',
        "{broken",
        '["A"]',
        '{"A": "x\\r\\nB: y"}',
        "A B: x",
        "Content-Length: 3",
        "Transfer-Encoding: chunked",
        "x-signature: sha256=00",
    ],
)
def test_headers_of_another_form_are_refused(text):
    with pytest.raises(StalledError, match="headers"):
        headers_of(text)


def test_no_secret_shows_in_a_repr_or_a_message():
    secret = {
        "address": b"https://hooks.example/CANARY",
        "token": b"CANARY",
        "headers": b"Authorization: CANARY",
    }
    assert "CANARY" not in repr(target_of(provider(), secret))
    with pytest.raises(SetpointError) as caught:
        target_of(provider(), secret | {"headers": b"CANARY without colon"})
    assert "CANARY" not in caught.value.message
    with pytest.raises(SetpointError) as caught:
        target_of(provider(), secret | {"address": b"CANARY \xff"})
    assert "CANARY" not in caught.value.message


@given(st.text(max_size=200))
def test_no_text_gets_a_line_break_into_a_header(text):
    try:
        pairs = headers_of(text)
    except StalledError:
        return
    assert not any(set("\r\n\0") & set(name + value) for name, value in pairs.items())
