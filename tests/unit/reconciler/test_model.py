"""
Whatever happens to it, in any order: no leak, no wrong deletion, older never wins, no false Ready.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fakes.reconciler.storm import FAULTS
from tests.model.machine import Machine
from tests.model.stage import LONG
from tests.model.twins import Twins

EVERY_TIME = settings(
    max_examples=50,
    stateful_step_count=25,
    phases=[Phase.explicit, Phase.generate],  # made small where it is looked into, not here
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_nothing_that_happens_in_any_order_breaks_a_promise():
    run_state_machine_as_test(Machine, settings=EVERY_TIME)


def test_an_object_that_moves_to_who_waits_and_says_nothing_is_never_away():
    # Kept from a run: "other" waits for "app", and its next revision comes long after "app" began
    # to wait for its word.
    machine = Machine()
    machine.begin(where=("-", "app", "-"))
    machine.work(seconds=0)
    machine.depend(waits=True, still=False)
    machine.work(seconds=0)
    machine.push_what_is_refused(name="one", where=("app", "other", "-"))
    machine.work(seconds=31)
    machine.push_what_cannot_be_used(broken=True, owner="other")
    machine.work(seconds=31)
    machine.push_what_cannot_be_used(broken=False, owner="app")
    machine.teardown()


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


def test_who_starts_beside_an_older_state_of_the_source_leaves_what_is_newer():
    machine = Machine()
    machine.begin(where=("app", "-", "-"))
    machine.push(changed={"one"}, heard=True, where=("app", "app", "-"))
    machine.work(seconds=0)
    machine.start_behind(back=1, lost=True)
    machine.work(seconds=0)
    assert set(machine.world.configs()) == {"one", "two", "strange"}
    machine.teardown()


def test_nothing_is_deleted_because_nothing_was_rendered():
    machine = Machine()
    machine.begin(where=("app", "-", "other"))
    machine.work(seconds=0)
    machine.push_what_cannot_be_used(owner="app", broken=False)
    machine.work(seconds=0)
    machine.teardown()


@pytest.mark.parametrize(
    "fault", [one for one in FAULTS if "Cluster.delete" in one.calls], ids=repr
)
def test_what_could_not_be_deleted_stays_recorded(fault):
    machine = Machine()
    machine.begin(where=("app", "app", "-"))
    machine.work(seconds=0)
    machine.push(changed=set(), heard=True, where=("app", "-", "-"))
    machine.work_in_a_storm(faults=[(fault, "Cluster.delete", 1)])
    machine.teardown()


def test_nothing_that_two_processes_do_to_each_other_breaks_a_promise():
    run_state_machine_as_test(Twins, settings=settings(EVERY_TIME, max_examples=30))


def test_who_sees_that_another_process_is_ahead_heals_nothing_by_what_it_knew_before():
    machine = Twins()
    machine.begin(where=("app", "app", "-"))
    machine.push_past_the_other(where=("app", "-", "-"), changed={"one"}, seconds=31)
    assert set(machine.world.configs()) == {"one", "strange"}
    machine.teardown()


def test_who_fell_back_heals_nothing_that_another_process_has_left_behind():
    machine = Twins()
    machine.begin(where=("-", "-", "-"))
    machine.other_ends()
    machine.push_what_cannot_be_changed(declared=False)
    machine.work_and_die(death=(10, False), lost=False)
    machine.begin_a_second_by_mistake(lost=False)
    machine.push_past_the_other(changed=set(), seconds=0, where=("-", "-", "-"))
    machine.other_ends()
    machine.begin_a_second_by_mistake(lost=False)
    machine.push_past_the_other(changed=set(), seconds=0, where=("-", "-", "app"))
    machine.teardown()


def test_what_nobody_worked_at_is_not_the_last_good_state():
    machine = Machine()
    machine.begin(where=("other", "-", "-"))
    machine.work(seconds=0)
    machine.push(changed={"one"}, heard=True, where=("other", "-", "-"))
    machine.push_what_cannot_be_used(owner="other", broken=False)
    machine.work(seconds=0)
    machine.drift(how="edit", name="one")
    machine.work(seconds=31)
    assert machine.world.configs()["one"] == {"v": "1"}
    machine.teardown()


def test_an_end_that_fails_records_no_older_attempt_than_another_process_did():
    machine = Twins()
    machine.begin(where=("-", "other", "-"))
    machine.push(changed={"three"}, heard=True, where=("-", "-", "app"))
    machine.work(seconds=0)
    machine.delete_declaration(owner="app")
    machine.change_places()
    denied = next(one for one in FAULTS if repr(one) == "403")
    machine.work_in_a_storm(faults=[(denied, "Declarations.set_finalizer", 1)])
    machine.teardown()


def test_who_is_behind_calls_nothing_ready_when_health_moves():
    machine = Twins()
    machine.begin(where=("app", "other", "app"))
    machine.push_past_the_other(where=("app", "app", "-"), changed={"two"}, seconds=LONG)
    machine.drift(how="unlabel", name="one")
    machine.other_works(seconds=1)
    machine.teardown()


def meddled(what, call, how, *, back=False):
    machine = Machine()
    machine.begin(where=("app", "-", "-"))
    machine.push_what_cannot_be_changed(declared=True)
    machine.drift_while_a_call_is_on_its_way(scene=(what, call), back=back, which=0, how=how)
    return machine


def test_an_edit_between_the_apply_and_the_taking_over_of_fields_is_drift():
    meddled("taken over", "Cluster.rewrite_managers", "edit").teardown()


def test_what_was_put_in_the_place_of_an_object_that_cannot_be_changed_is_not_deleted():
    meddled("made anew", "Cluster.get", "replace").teardown()


def test_nobody_waits_for_the_end_of_what_somebody_else_made_anew():
    machine = meddled("made anew", "Cluster.delete", "replace", back=True)
    assert machine.world.configs()["fixed"] == {"v": machine.values["fixed"]}
    assert "ReconciliationFailed" not in machine.world.reporter.reasons()
    machine.teardown()


def test_who_failed_at_the_newest_heals_nothing_by_what_another_process_has_left_behind():
    machine = Twins()
    machine.begin(where=("app", "app", "-"))
    machine.push(changed={"one", "two", "three"}, heard=False, where=("-", "app", "-"))
    machine.push_what_cannot_be_changed(declared=False)
    absent = next(one for one in FAULTS if one.name == "no artifact")
    faults = [(absent, "Cluster.get", 1), (absent, "Cluster.delete", 3)]
    machine.work_in_a_storm(faults=faults)
    machine.other_works(seconds=1)
    machine.work_and_die(death=(35, True), lost=False)
    machine.teardown()
