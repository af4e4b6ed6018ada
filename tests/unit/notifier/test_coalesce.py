"""At most one look per source in five seconds, and always one after the last call."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.coalesce import WINDOW, Covered, Gate, Now, Wait


def test_the_first_call_looks_at_once_and_the_next_ones_share_a_later_look():
    gate = Gate()
    assert gate.ask("a", 100.0) == Now()
    gate.begun("a", 100.0)
    assert gate.ask("a", 101.0) == Wait(105.0)
    assert gate.ask("a", 102.0) == Covered()
    gate.begun("a", 105.0)
    assert gate.ask("a", 105.1) == Wait(110.0)


def test_sources_do_not_share_their_looks():
    gate = Gate()
    gate.begun("a", 100.0)
    assert gate.ask("b", 100.0) == Now()


def test_a_look_that_failed_is_tried_by_the_next_call():
    gate = Gate()
    gate.begun("a", 100.0)
    gate.failed("a")
    assert gate.ask("a", 100.1) == Now()


@given(st.lists(st.floats(0, 60), min_size=1, max_size=60))
def test_looks_keep_their_distance_and_the_last_call_is_answered(times):
    gate, looks, planned = Gate(), [], None
    for now in sorted(times):
        if planned is not None and planned <= now:
            gate.begun("a", planned)
            looks.append(planned)
            planned = None
        match gate.ask("a", now):
            case Now():
                gate.begun("a", now)
                looks.append(now)
            case Wait(until=until):
                planned = until
    if planned is not None:
        looks.append(planned)
    assert all(b - a >= WINDOW - 1e-9 for a, b in pairwise(looks))
    assert looks[-1] >= max(times)
