"""Whether a call of a receiver is genuine."""

import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.verify import Call, Genuine, Rejected, check, signed

TOKEN = b"sesame"
BODY = b'{"ref":"refs/heads/main"}'
JSON = {"content-type": ["application/json"]}


def sign(body, token=TOKEN, algorithm="sha256"):
    return f"{algorithm}={hmac.new(token, body, algorithm).hexdigest()}"


def github(body=BODY, events=(), **headers):
    given_headers = {
        "x-hub-signature-256": [sign(body)],
        "x-github-event": ["push"],
        **JSON,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    present = {name: value for name, value in given_headers.items() if value is not None}
    return check("github", Call(headers=present, body=body), TOKEN, events)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_the_signatures_of_the_reference_are_accepted(algorithm):
    assert signed(sign(BODY, algorithm=algorithm), BODY, TOKEN)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256",
        "sha256=",
        "sha256=zz",
        "sha256=é",
        sign(BODY)[:-2],
        sign(BODY) + "00",
        sign(BODY, b"other"),
        sign(BODY).removeprefix("sha256="),
        sign(BODY, algorithm="md5"),
        sign(BODY).replace("sha256=", "sha1="),
        sign(BODY + b" "),
    ],
)
def test_everything_else_is_no_signature(signature):
    assert not signed(signature, BODY, TOKEN)


def test_an_empty_token_signs_nothing():
    assert not signed(sign(BODY, b""), BODY, b"")


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=80), st.text(max_size=150))
def test_only_the_hmac_of_the_raw_bytes_is_accepted(body, token, other):
    right = "sha256=" + hmac.digest(token, body, hashlib.sha256).hex()
    assert signed(right, body, token)
    assert not signed(right, body + b"\0", token)
    assert not signed(other, body, token)


def test_generic_needs_nothing_but_its_path():
    assert isinstance(check("generic", Call(headers={}, body=b"\xff"), TOKEN, ()), Genuine)


def test_generic_hmac_looks_at_its_signature_alone():
    good = Call(headers={"x-signature": [sign(b"\xff\0")]}, body=b"\xff\0")
    assert isinstance(check("generic-hmac", good, TOKEN, ()), Genuine)
    twice = Call(headers={"x-signature": [sign(b"a"), sign(b"a")]}, body=b"a")
    assert isinstance(check("generic-hmac", twice, TOKEN, ()), Rejected)


def test_github_accepts_a_signed_push():
    assert isinstance(github(), Genuine)


def test_github_falls_back_to_the_old_header_only_where_the_new_one_is_absent():
    old = [sign(BODY, algorithm="sha1")]
    assert isinstance(github(x_hub_signature_256=None, x_hub_signature=old), Genuine)
    assert isinstance(github(x_hub_signature_256=["sha256=00"], x_hub_signature=old), Rejected)
    assert isinstance(github(x_hub_signature_256=["", ""], x_hub_signature=old), Rejected)


@pytest.mark.parametrize(
    ("events", "event", "expected"),
    [
        ((), "push", Genuine),
        ((), "ping", Genuine),
        (("push",), "push", Genuine),
        (("PUSH",), "push", Genuine),
        (("push",), "ping", Rejected),
        (("ping", "push"), "ping", Genuine),
        (("push",), "", Rejected),
    ],
)
def test_events_count_as_the_list_says_and_ping_is_none_of_its_own(events, event, expected):
    assert isinstance(github(events=events, x_github_event=[event]), expected)


@pytest.mark.parametrize(
    ("media", "body", "expected"),
    [
        ("application/json", BODY, Genuine),
        ("application/json; charset=utf-8", BODY, Genuine),
        ("Application/JSON", BODY, Genuine),
        ("application/x-www-form-urlencoded", urlencode({"payload": BODY}).encode(), Genuine),
        ("application/x-www-form-urlencoded", b"other=1", Rejected),
        ("application/x-www-form-urlencoded", b"payload=%5B", Rejected),
        ("application/x-www-form-urlencoded", b"\xff\xfe", Rejected),
        ("application/x-www-form-urlencoded", b"a=1&" * 200 + b"payload=1", Rejected),
        ("text/plain", BODY, Rejected),
        ("", BODY, Rejected),
        ("application/json", b"", Rejected),
        ("application/json", b"\x1f\x8b\x08", Rejected),
        ("application/json", b"[" * 200_000, Rejected),
    ],
)
def test_github_sends_json_or_a_form_with_it(media, body, expected):
    assert isinstance(github(body=body, content_type=[media]), expected)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_any_shape_of_signed_json_is_accepted_since_none_of_it_is_used(value):
    body = json.dumps(value).encode()
    assert github(body=body) == Genuine("GitHub webhook")


@given(
    st.sampled_from(["generic-hmac", "github", "gitlab"]),
    st.dictionaries(
        st.sampled_from(["x-signature", "x-hub-signature-256", "x-github-event", "content-type"]),
        st.lists(st.text(max_size=80), max_size=2),
    ),
    st.binary(max_size=200),
)
def test_no_unsigned_call_is_genuine(type_, headers, body):
    assert isinstance(check(type_, Call(headers=headers, body=body), TOKEN, ()), Rejected)
