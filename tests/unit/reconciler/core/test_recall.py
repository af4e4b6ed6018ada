"""
A receipt that was lost is made again where the live object proves it, and nowhere else.
"""

import copy

import pytest

from services.reconciler.core.manifest import desired_of
from services.reconciler.core.recall import recalled, touched_after, unanswered
from services.reconciler.core.receipt import token_set, token_time
from tests.unit.reconciler.recorded import recorded

TAKEN = ("set-image", "set-env-declared", "forced-takeover", "configmap-edited")
# The server says of no time when it was scaled, nor who removed a field.
TRACELESS = ("scale", "label-removed", "configmap-key-removed")


def recall(edit, *, desired=None, live=None, answer=None, concluded=False):
    found = recorded(edit)
    wanted = desired_of(desired or found.desired)
    answer = answer or found.applied
    return recalled(wanted, live or found.live, answer, concluded=concluded)


@pytest.mark.parametrize("edit", TAKEN)
def test_fields_that_were_taken_since_prove_what_was_applied(edit):
    found, receipt = recorded(edit), recall(edit)
    assert receipt.desired_digest == desired_of(found.desired).digest
    assert receipt.uid == found.receipt.uid
    assert token_set(receipt.token) == token_set(found.receipt.token)
    assert token_time(receipt.token) == token_time(found.receipt.token)


@pytest.mark.parametrize("edit", TRACELESS)
def test_what_left_no_trace_proves_something_only_beside_a_recorded_pass(edit):
    assert recall(edit) is None
    assert recall(edit, concluded=True) is not None


@pytest.mark.parametrize("concluded", [True, False])
def test_where_a_field_of_ours_is_otherwise_than_declared_something_else_was_applied(concluded):
    found = recorded("configmap-edited")
    desired, answer = copy.deepcopy(found.desired), copy.deepcopy(found.applied)
    other = next(name for name in desired["data"] if name != "a")
    desired["data"][other] = answer["data"][other] = "declared otherwise"
    again = recall("configmap-edited", desired=desired, answer=answer, concluded=concluded)
    assert again is None


def test_a_field_that_we_own_and_do_not_declare_shows_that_something_else_was_applied():
    found = recorded("configmap-edited")
    live = copy.deepcopy(found.live)
    own = next(one for one in live["metadata"]["managedFields"] if one["manager"] == "setpoint")
    own["fieldsV1"]["f:data"]["f:older"] = {}
    assert recall("configmap-edited", live=live, concluded=True) is None


def test_a_field_that_somebody_had_before_our_last_change_proves_nothing():
    live = copy.deepcopy(recorded("configmap-edited").live)
    for one in live["metadata"]["managedFields"]:
        if one["manager"] != "setpoint":
            one["time"] = "2020-01-01T00:00:00Z"
    assert recall("configmap-edited", live=live) is None
    assert touched_after(live) == ""


def test_an_object_that_nobody_else_changed_since_is_not_touched():
    found = recorded("configmap-edited")
    assert touched_after(found.applied) == ""
    assert touched_after(found.live) == token_time(found.receipt.token)
    assert touched_after({"metadata": {}}) == ""


def test_only_a_change_of_ours_after_the_receipt_was_not_answered():
    receipt = recorded("configmap-edited").receipt
    assert not unanswered(receipt, token_time(receipt.token))
    assert unanswered(receipt, "2999-01-01T00:00:00Z")
    assert unanswered(None, token_time(receipt.token))
    assert not unanswered(None, "")
