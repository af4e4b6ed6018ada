from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedError
from shared.messages import (
    Command,
    DeadLetter,
    Envelope,
    UnknownVersion,
    decode,
    encode,
    payload_as,
)
from shared.messages.deadletter import PAYLOAD_LIMIT

NOW = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def envelope(**fields: object) -> Envelope:
    values = {"id": "1", "time": NOW, "subject": "a.b", "payload": {"x": 1}, **fields}
    return Envelope.model_validate(values)


@given(
    id_=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256),
    time=st.datetimes(
        min_value=datetime(1, 1, 2),  # noqa: DTZ001
        max_value=datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
    ),
    payload=st.dictionaries(TEXT, JSON, max_size=4),
)
def test_what_is_encoded_is_decoded_the_same(id_, time, payload) -> None:
    sent = envelope(id=id_, time=time, payload=payload)
    assert decode(encode(sent)) == sent


@given(st.binary(max_size=200))
def test_other_bytes_are_malformed_and_nothing_else(data) -> None:
    with pytest.raises((MalformedError, UnknownVersion)):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"id":"","time":"2026-01-01T00:00:00Z","subject":"s","payload":{}}',
        b'{"id":"1","time":"2026-01-01T00:00:00","subject":"s","payload":{}}',
        b'{"id":"1","time":"2026-01-01T00:00:00Z","subject":"s","payload":[]}',
        b'{"id":"1","time":"2026-01-01T00:00:00Z","subject":"s","payload":{"a":"\\ud800"}}',
        b'{"id":"1","time":"2026-01-01T00:00:00Z","subject":"s","payload":' + b'{"a":' * 100_000,
    ],
)
def test_an_envelope_that_lacks_something_is_malformed(data) -> None:
    with pytest.raises(MalformedError):
        decode(data)


def test_an_unknown_field_is_ignored() -> None:
    data = encode(envelope()).replace(b'"id"', b'"new":[1],"id"', 1)
    assert decode(data) == envelope()


@pytest.mark.parametrize(
    "data",
    [encode(envelope(version=2)), b'{"version":7,"everything":"else is different"}'],
)
def test_a_newer_version_is_held_and_not_called_malformed(data) -> None:
    with pytest.raises(UnknownVersion) as caught:
        decode(data)
    assert caught.value.retry_after == 600


def test_a_refusal_does_not_repeat_the_input() -> None:
    with pytest.raises(MalformedError) as caught:
        decode(b'{"id":"1","time":"hunter2","subject":"s","payload":{}}')
    assert "hunter2" not in caught.value.message
    assert "time" in caught.value.message


def test_what_json_cannot_say_is_malformed_when_written() -> None:
    with pytest.raises(MalformedError):
        encode(envelope(payload={"a": "\ud800"}))


def test_a_payload_of_another_form_is_malformed_and_names_the_message() -> None:
    with pytest.raises(MalformedError, match=r"message 1 on a\.b is no Command: action"):
        payload_as(envelope(), Command)


def test_a_payload_is_read_as_its_model() -> None:
    command = Command(action="look", kind="GitRepository", namespace="a", name="b", cause="push")
    assert payload_as(envelope(payload=command.model_dump()), Command) == command


@given(st.binary(max_size=300))
def test_a_dead_letter_gives_back_the_bytes_that_it_took(data) -> None:
    letter = DeadLetter.of(data, subject="a.b", reason="r", attempts=1, first_seen=NOW)
    assert DeadLetter.model_validate_json(letter.model_dump_json()).original() == data


def test_a_dead_letter_of_a_huge_message_is_cut_and_says_that_it_cannot_be_sent_again() -> None:
    letter = DeadLetter.of(
        b"\xff" * (PAYLOAD_LIMIT + 1), subject="a.b", reason="r", attempts=1, first_seen=NOW
    )
    assert letter.truncated
    assert len(letter.model_dump_json()) < 1024 * 1024
    with pytest.raises(MalformedError, match="cannot be sent again"):
        letter.original()
