"""
Whatever happens to it, in any order: no leak, no wrong deletion, older never wins, no false Ready.
"""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine

EVERY_TIME = settings(
    max_examples=50,
    stateful_step_count=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_nothing_that_happens_in_any_order_breaks_a_promise():
    run_state_machine_as_test(Machine, settings=EVERY_TIME)


def test_an_object_that_moves_back_to_who_still_has_it_recorded_is_never_away():
    # Kept from a run: nothing rendered for "app" any more, so that it could let go of nothing; then
    # its receipt said "applied", and "other" deleted what "app" declared again.
    machine = Machine()
    machine.begin(where=("-", "-", "app"))
    machine.work(seconds=0)
    machine.push(changed=set(), heard=True, where=("-", "-", "other"))
    machine.work(seconds=0)
    machine.push(changed=set(), heard=True, where=("-", "-", "app"))
    machine.work(seconds=0)
    machine.teardown()
