"""When a delivery that failed is tried again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.retry import LONGEST_DELAY, Again, GiveUp, after_failure
from tests.unit.notifier.objects import NOW


def decide(attempts=1, *, age=timedelta(), asked=None, jitter=0.5):
    return after_failure(
        attempts=attempts,
        accepted=NOW,
        now=NOW + age,
        asked=asked,
        jitter=jitter,
        fault="the provider answered 500",
    )


def test_the_delay_grows_from_a_second_to_half_an_hour():
    delays = [decide(attempts).delay for attempts in range(1, 15)]
    assert delays[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert delays[-1] == 1800.0


@given(attempts=st.integers(1, 10_000), jitter=st.floats(0, 1))
def test_no_delay_is_shorter_than_a_moment_or_longer_than_the_limit(attempts, jitter):
    delay = decide(attempts, jitter=jitter).delay
    assert 0.75 <= delay <= LONGEST_DELAY * 1.25


@pytest.mark.parametrize(
    ("asked", "delay"), [(30.0, 30.0), (0.0, 1.0), (3600.0, 3600.0), (1e9, 21600.0)]
)
def test_what_the_other_side_asks_for_is_honoured_within_reason(asked, delay):
    assert decide(1, asked=asked) == Again(delay)


def test_it_is_given_up_after_72_hours_with_the_last_fault():
    assert isinstance(decide(9, age=timedelta(hours=71, minutes=59)), Again)
    found = decide(9, age=timedelta(hours=72))
    assert found == GiveUp(
        "not delivered within 72 h; the last attempt said: the provider answered 500"
    )


def test_the_last_attempt_comes_at_the_end_of_the_72_hours():
    assert decide(20, age=timedelta(hours=71, minutes=50)) == Again(600.0)


def test_about_160_attempts_are_made_in_72_hours():
    age, attempts = 0.0, 0
    while isinstance(found := decide(attempts + 1, age=timedelta(seconds=age)), Again):
        attempts += 1
        age += found.delay
    assert 140 < attempts < 170
