from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.quantity import is_quantity, parse, same


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", "1"),
        ("1000m", "1"),
        ("1.5Gi", "1610612736"),
        ("2k", "2000"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1E", "1e18"),
        ("100n", "1e-7"),
        ("-5", "-5"),
        (".5", "0.5"),
        (3, "3"),
        (0.5, "0.5"),
    ],
)
def test_amounts_are_read(text, amount):
    assert parse(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1gi", "Gi", True, None, [], "1" * 65, "1e9999"])
def test_other_values_are_no_amounts(text):
    assert parse(text) is None
    assert not same(text, text)


@given(st.integers(0, 10**9))
def test_thousandths_and_units_are_the_same(number):
    assert same(f"{number}000m", number)


@given(st.text(max_size=70), st.text(max_size=70))
def test_any_text_is_answered(one, other):
    assert same(one, other) in {True, False}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("resources", "limits", "cpu"), True),
        (("hard", "pods"), True),
        (("emptyDir", "sizeLimit"), True),
        (("data", "cpu"), False),
        (("spec", "replicas"), False),
        ((), False),
    ],
)
def test_fields_with_amounts_are_known_by_their_path(path, expected):
    assert is_quantity(path) is expected
