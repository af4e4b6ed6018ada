import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.masking import (
    LONGEST_SECRET,
    LOOKS_LIMIT,
    MASK,
    SHORTEST_SECRET,
    VALUE_CHARACTERS,
    SecretValues,
    is_sensitive,
    shown,
)

plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=4, max_size=40)
around = st.text(st.sampled_from("xyz ,.:"), max_size=20)


def remembering(*values):
    found = SecretValues(b"key")
    for value in values:
        found.remember(value)
    return found


@given(plain, around, around)
def test_a_remembered_value_is_masked_wherever_it_stands(value, before, after):
    assert value not in remembering(value).mask(f"{before}{value}{after}")


@given(st.lists(plain, min_size=1, max_size=4), around)
def test_several_values_side_by_side_leave_no_rest(values, between):
    text = between.join(values)
    masked = remembering(*values).mask(text)
    assert all(value not in masked for value in values if MASK not in value and value not in MASK)


@given(st.text(max_size=80))
def test_without_memory_nothing_is_masked(text):
    assert SecretValues(b"key").mask(text) == text


@given(around)
def test_text_without_a_secret_stays(text):
    assert remembering("hunter2", "correct horse").mask(text) == text


@pytest.mark.parametrize(
    "form",
    [
        base64.b64encode(b'p"ss w\xc3\xb6rd/1').decode(),
        base64.b64encode(b'p"ss w\xc3\xb6rd/1').decode().rstrip("="),
        base64.urlsafe_b64encode(b'p"ss w\xc3\xb6rd/1').decode(),
        quote('p"ss wörd/1', safe=""),
        quote('p"ss wörd/1'),
        json.dumps('p"ss wörd/1')[1:-1],
        json.dumps('p"ss wörd/1', ensure_ascii=False)[1:-1],
    ],
)
def test_other_forms_of_a_value_are_masked(form):
    assert remembering('p"ss wörd/1').mask(f"error: {form}!") == f"error: {MASK}!"


def test_each_line_of_a_value_is_one():
    memory = remembering("-----BEGIN-----\nMIIEvQIBADANBg\n-----END-----\n")
    assert memory.mask("bad line MIIEvQIBADANBg") == f"bad line {MASK}"


def test_values_that_overlap_are_masked_together():
    assert remembering("abcd", "bcdefg").mask("-abcdefg-") == f"-{MASK}-"
    assert remembering("abcdefg", "cdef").mask("-abcdefg-") == f"-{MASK}-"


def test_values_side_by_side_are_masked_as_one():
    assert remembering("abcd", "efgh").mask("abcdefgh abcd") == f"{MASK} {MASK}"


def test_short_values_are_not_remembered():
    memory = remembering("on", "a" * (SHORTEST_SECRET - 1))
    assert memory.mask("on and on aaa") == "on and on aaa"


def test_neither_the_memory_nor_its_text_has_the_value():
    memory = remembering("hunter2hunter2")
    held = repr([getattr(memory, name) for name in memory.__slots__])
    assert "hunter2" not in held + repr(memory)


@pytest.mark.parametrize(
    "name", ["data.DB_PASSWORD", "tls.key", "apiToken", "my-secret", "awsCredentials", "passwd"]
)
def test_names_that_speak_of_secrets_are_sensitive(name):
    assert is_sensitive("plain", name)


@pytest.mark.parametrize("name", ["spec.replicas", "image", "data.url"])
def test_other_names_are_not(name):
    assert not is_sensitive(name)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        ("text", "text"),
        ({"a": 1}, "(1 fields)"),
        ([1, 2], "(2 items)"),
        ("https://u:p@h/x", "https://***@h/x"),
    ],
)
def test_scalars_are_shown_and_of_the_rest_only_the_size(value, expected):
    assert shown(value, str) == expected


def test_the_lines_of_a_value_are_found_where_substitution_joined_them():
    assert remembering("ab\ncd\nef\n").mask("x=abcdef.") == f"x={MASK}."


class Counting(SecretValues):
    """
    Counts the hashes that a mask takes.
    """

    __slots__ = ("hashes",)

    def __init__(self, key):
        super().__init__(key)
        self.hashes = 0

    def _hash(self, text):
        self.hashes += 1
        return super()._hash(text)


def test_values_made_to_look_like_the_text_cost_a_bounded_time_and_hide_the_rest():
    memory = Counting(b"key")
    for length in range(300):
        memory.remember("aaaa" + "a" * length + "!")
    text = "b" * 100 + "a" * 30_000 + "secret"
    memory.hashes = 0
    masked = memory.mask(text)
    assert masked.startswith("b" * 90)
    assert masked.endswith(MASK)
    assert len(masked) < len(text)
    assert memory.hashes < len(text) + 2 * LOOKS_LIMIT


def test_what_was_not_mentioned_for_long_makes_room_and_what_is_mentioned_stays():
    memory = SecretValues(b"key", limit=100)
    memory.remember("forgotten")
    for number in range(200):
        memory.remember("mentioned")
        memory.remember(f"value number {number}")
    assert memory.mask("mentioned") == MASK
    assert memory.mask("value number 199") == MASK
    assert memory.mask("forgotten") == "forgotten"
    assert len(memory) < 250


def test_a_value_is_masked_before_it_is_cut():
    secret = "s3cr" * VALUE_CHARACTERS
    assert shown(f"pg:{secret}@host", remembering(secret).mask) == f"pg:{MASK}@host"


def test_where_one_secret_ends_beyond_the_part_that_was_read_nothing_is_shown():
    first, second = "x" * LONGEST_SECRET, "y" * LONGEST_SECRET
    assert shown(first + second, remembering(first, second).mask) == MASK
