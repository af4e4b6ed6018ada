"""When a source is looked at again."""

from services.source.core.schedule import Backoff, steady


def test_the_interval_is_spread_by_five_percent_either_way():
    assert steady(100, 0.0) == 95
    assert steady(100, 0.5) == 100
    assert steady(100, 1.0) == 105


def test_failures_are_spaced_from_the_minimum_to_a_ceiling_that_doubles():
    backoff = Backoff()
    assert backoff.delay(1, 0.0) == 0.75
    assert [backoff.delay(n, 1.0) for n in (1, 2, 3)] == [1.5, 3.0, 6.0]
    assert backoff.delay(1000, 1.0) == 900


def test_what_the_origin_asks_for_wins_up_to_the_maximum():
    backoff = Backoff()
    assert backoff.delay(1, 0.0, asked=60) == 60
    assert backoff.delay(1, 0.0, asked=10_000) == 900
    assert backoff.delay(9, 1.0, asked=0) == 0.75
