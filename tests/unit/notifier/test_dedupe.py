"""Which deliveries have been made."""

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.dedupe import Delivered, delivery_id

DAY = 24 * 3600.0


def test_the_id_depends_on_event_and_provider_alone():
    assert delivery_id("e", "p") == delivery_id("e", "p")
    assert len({delivery_id("e", "p"), delivery_id("e", "q"), delivery_id("f", "p")}) == 3
    assert len(delivery_id("e", "p")) == 32


def test_an_id_is_remembered_for_seven_days():
    known = Delivered()
    known.add("old", 0.0)
    known.add("new", 7 * DAY)
    assert "old" in known
    known.add("newer", 7 * DAY + 1)
    assert "old" not in known
    assert "new" in known


def test_the_oldest_go_when_there_are_too_many():
    known = Delivered(limit=2)
    for at, id_ in enumerate("abc"):
        known.add(id_, float(at))
    assert [id_ for id_, _ in known] == ["b", "c"]


def test_what_is_loaded_is_ordered_and_forgotten_by_age():
    known = Delivered()
    known.load([("b", 8 * DAY), ("a", 2 * DAY), ("gone", 0.0)], now=8 * DAY)
    assert [id_ for id_, _ in known] == ["a", "b"]


def test_a_delivery_that_is_made_again_counts_from_then():
    known = Delivered(limit=2)
    known.add("a", 0.0)
    known.add("b", 1.0)
    known.add("a", 2.0)
    known.add("c", 3.0)
    assert "a" in known
    assert "b" not in known


def test_it_says_in_its_repr_how_full_it_is():
    known = Delivered(limit=3)
    known.add("a", 0.0)
    assert repr(known) == "Delivered(1 of at most 3 ids)"


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 5 * DAY)), max_size=20),
    st.integers(1, 4),
)
def test_exactly_the_newest_of_a_week_are_remembered(steps, limit):
    known, last, now = Delivered(limit=limit), {}, 0.0
    for id_, pause in steps:
        now += pause
        known.add(id_, now)
        last.pop(id_, None)
        last[id_] = now
    kept = [id_ for id_, at in last.items() if at >= now - 7 * DAY][-limit:]
    assert [id_ for id_, _ in known] == kept
    again = Delivered(limit=limit)
    again.load(reversed(list(known)), now)
    assert dict(again) == dict(known)
