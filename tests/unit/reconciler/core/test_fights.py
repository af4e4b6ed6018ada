from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.fights import (
    PEACE,
    REVERTS,
    WINDOW,
    ends,
    on_due,
    on_reverted,
    on_seen,
    on_write,
    settle,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
INTERVAL = timedelta(minutes=10)


def write(state, second, manager="hpa", interval=INTERVAL):
    """Decide about a write, and note the revert if it is made."""
    now = START + timedelta(seconds=second)
    decision = on_write(state, manager, now=now, interval=interval)
    if decision.revert:
        return on_reverted(decision.state, manager, now=now), decision
    return decision.state, decision


def fighting():
    state, second = PEACE, 0
    for second in range(REVERTS + 2):
        state, decision = write(state, second)
    assert decision.began
    return state, second


def test_a_few_writes_are_reverted_at_once():
    state = PEACE
    for second in range(REVERTS + 1):
        state, decision = write(state, second)
        assert (decision.revert, decision.began) == (True, False)


def test_the_write_after_more_than_three_reverts_begins_a_fight_once():
    state, second = fighting()
    assert state.on
    assert state.manager == "hpa"
    state, decision = write(state, second + 1)
    assert (decision.revert, decision.began) == (False, False)


def test_in_a_fight_it_is_reverted_at_most_once_in_an_interval():
    state, _ = fighting()
    reverts = 0
    for second in range(10, 3600, 5):
        state, decision = write(state, second)
        reverts += decision.revert
    assert reverts == 5


def test_what_is_held_back_is_due_an_interval_after_the_last_revert():
    state, second = fighting()
    now = START + timedelta(seconds=second)
    decision = on_due(state, now=now, interval=INTERVAL)
    last = state.reverts[-1].at
    assert (decision.revert, decision.until) == (False, last + INTERVAL)
    assert on_due(state, now=last + INTERVAL, interval=INTERVAL).revert


def test_two_intervals_without_a_write_end_a_fight():
    state, second = fighting()
    last = START + timedelta(seconds=second)
    almost = last + INTERVAL * 2 - timedelta(seconds=1)
    assert settle(state, now=almost, interval=INTERVAL).on
    assert settle(state, now=last + INTERVAL * 2, interval=INTERVAL) == PEACE


def test_after_a_fight_the_next_write_is_reverted_at_once():
    state, second = fighting()
    _, decision = write(state, second + 2 * INTERVAL.total_seconds())
    assert decision.revert
    assert not decision.state.on


def test_an_object_that_is_lost_in_a_fight_over_its_fields_is_made_again_at_once():
    state, second = fighting()
    now = START + timedelta(seconds=second + 1)
    decision = on_write(state, "", now=now, interval=INTERVAL, gone=True)
    assert (decision.revert, decision.state.on) == (True, False)


def test_an_object_that_somebody_deletes_again_and_again_is_held_back():
    state = PEACE
    for second in range(REVERTS + 3):
        now = START + timedelta(seconds=second)
        decision = on_write(state, "", now=now, interval=INTERVAL, gone=True)
        state = on_reverted(decision.state, "", now=now) if decision.revert else decision.state
    assert not decision.revert
    assert state.on


def test_a_write_that_was_only_seen_prolongs_a_fight():
    state, second = fighting()
    seen = START + timedelta(seconds=second) + INTERVAL
    state = on_seen(state, now=seen)
    assert ends(state, interval=INTERVAL) == seen + INTERVAL * 2
    assert settle(state, now=seen + INTERVAL, interval=INTERVAL).on


def test_writers_without_a_trace_count_together():
    state = PEACE
    for second in range(REVERTS + 2):
        state, decision = write(state, second, manager="")
    assert decision.began


def test_different_writers_are_no_fight():
    state = PEACE
    for second in range(12):
        state, decision = write(state, second, manager=f"writer-{second % 4}")
        assert decision.revert


def test_slow_writes_are_no_fight():
    state = PEACE
    step = int(WINDOW.total_seconds() / REVERTS) + 1
    for second in range(0, step * 20, step):
        state, decision = write(state, second)
        assert decision.revert


def test_what_is_old_is_forgotten():
    state, _ = write(PEACE, 0)
    assert settle(state, now=START + WINDOW + timedelta(seconds=1), interval=INTERVAL) is PEACE
    assert settle(state, now=START, interval=INTERVAL) is state
    assert on_due(state, now=START, interval=INTERVAL).revert


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["a", "b", ""])), max_size=60))
def test_reverts_are_bounded_whatever_the_writers_do(writes):
    state, second, reverts = PEACE, 0, []
    for gap, manager in writes:
        second += gap
        state, decision = write(state, second, manager)
        assert decision.revert != (decision.until is not None)
        if decision.revert:
            reverts.append((second, manager))
    window = WINDOW.total_seconds()
    for at, manager in reverts:
        near = [1 for when, who in reverts if at - window <= when <= at and who == manager]
        assert len(near) <= REVERTS + 2
    assert len(state.reverts) <= len(writes)
