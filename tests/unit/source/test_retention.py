"""Which artifacts may go."""

from services.source.core.retention import Retention
from shared.model import Digest

A, B = Digest.of(b"a"), Digest.of(b"b")
NAMES = [str(A), f"{A}.index", str(B), "something else"]


def test_what_is_unreferenced_goes_after_a_quarter_of_an_hour_and_not_before():
    retention = Retention()
    assert retention.expired(NAMES, frozenset({A}), now=0) == []
    assert retention.expired(NAMES, frozenset({A}), now=899) == []
    assert retention.expired(NAMES, frozenset({A}), now=900) == [B]


def test_a_reference_in_between_begins_the_time_anew():
    retention = Retention()
    retention.expired(NAMES, frozenset({A}), now=0)
    retention.expired(NAMES, frozenset({A, B}), now=800)
    assert retention.expired(NAMES, frozenset({A}), now=1000) == []
    assert retention.expired(NAMES, frozenset({A}), now=1900) == [B]
