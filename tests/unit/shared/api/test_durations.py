import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.api import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m30s", 90.0),
        ("250ms", 0.25),
        ("1.5h", 5400.0),
        ("0s", 0.0),
        ("1h0m0s", 3600.0),
        ("30s30s", 60.0),
        ("0.5s", 0.5),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "1d", "-1s", "1.s", ".5s", "1m 30s", "1M", "1s\n", "1us", "٣s"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not of a form like"):
        parse_duration(text)


def test_a_duration_beyond_292_years_is_refused():
    assert parse_duration("2562047h") > 9e9
    with pytest.raises(ValueError, match="longer than 292 years"):
        parse_duration("2562048h")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "250ms"),
        (0.0015, "1.5ms"),
        (1, "1s"),
        (25.5, "25.5s"),
        (60, "1m0s"),
        (600, "10m0s"),
        (3600, "1h0m0s"),
        (3661.25, "1h1m1.25s"),
        (59.9999999, "1m0s"),
    ],
)
def test_a_duration_is_written_as_other_clients_write_it(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12])
def test_what_the_api_cannot_say_is_not_written(seconds):
    with pytest.raises(ValueError, match="no duration"):
        format_duration(seconds)


@given(micros=st.integers(min_value=0, max_value=10**13))
def test_a_written_duration_reads_back_to_the_microsecond(micros):
    assert round(parse_duration(format_duration(micros / 1e6)) * 1e6) == micros
