from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.schedule import After, next_pass, verification_period

TEN = timedelta(minutes=10)


@given(st.floats(0, 1))
def test_success_comes_again_after_the_interval_give_or_take_a_twentieth(random):
    delay = next_pass(After.SUCCESS, interval=TEN, retry_interval=None, random=random)
    assert TEN * 0.95 <= delay <= TEN * 1.05


def test_the_spread_is_as_large_as_the_operator_wants():
    delay = next_pass(After.SUCCESS, interval=TEN, retry_interval=None, random=1.0, jitter=0.5)
    assert delay == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("after", "retry", "expected"),
    [
        (After.FAILURE, timedelta(minutes=1), timedelta(minutes=1)),
        (After.FAILURE, None, TEN),
        (After.DEPENDENCY, timedelta(minutes=1), timedelta(seconds=30)),
        (After.STALLED, None, None),
        (After.SUSPENDED, None, None),
    ],
)
def test_other_ends_have_their_own_delay(after, retry, expected):
    assert next_pass(after, interval=TEN, retry_interval=retry, random=0.9) == expected


def test_every_object_is_verified_once_in_an_hour_or_an_interval():
    assert verification_period(TEN) == timedelta(hours=1)
    assert verification_period(timedelta(hours=3)) == timedelta(hours=3)
