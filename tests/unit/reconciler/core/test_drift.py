import copy

import pytest

from services.reconciler.core.drift import (
    GONE,
    Drifted,
    DriftKind,
    Settled,
    Verify,
    judge,
    judge_at_start,
    not_newer,
)
from services.reconciler.core.fields import own_entry
from services.reconciler.core.observation import observe
from services.reconciler.core.receipt import receipt_from_response, token_of
from tests.unit.reconciler.recorded import OWNER, recorded

CHANGED = Drifted(DriftKind.CHANGED)


@pytest.mark.parametrize(
    "edit",
    [
        "scale",
        "set-image",
        "set-env-declared",
        "label-removed",
        "env-removed",
        "forced-takeover",
        "list-key-changed",
        "replace",
        "same-manager-other-value",
        "managed-fields-cleared",
        "ancient-changes",
        "owner-label-removed",
        "co-owner-other-spelling",
    ],
)
def test_an_edit_that_takes_or_removes_our_fields_is_drift(edit):
    assert recorded(edit).judge() == CHANGED


@pytest.mark.parametrize("edit", ["status", "label-undeclared", "co-owner-same-value"])
def test_an_edit_that_leaves_our_fields_alone_is_settled(edit):
    assert recorded(edit).judge() == Settled()


def test_a_change_of_fields_that_we_do_not_declare_only_moves_the_generation_and_is_verified():
    case = recorded("set-env-undeclared")
    assert isinstance(case.judge(), Verify)
    assert case.observed.token == case.receipt.token


def test_kinds_without_generation_are_verified_when_somebody_wrote_them():
    assert isinstance(recorded("configmap-undeclared").judge(), Verify)


@pytest.mark.parametrize("edit", ["configmap-edited", "configmap-key-removed", "secret-edited"])
def test_an_edit_of_our_data_is_drift_in_kinds_without_generation(edit):
    case = recorded(edit)
    assert not case.receipt.generation
    assert case.judge() == CHANGED


def test_a_deleted_object_is_gone():
    assert recorded("deleted").judge() == Drifted(DriftKind.GONE)


def test_replace_with_force_makes_another_object_of_the_same_name():
    assert recorded("replace-force").judge() == Drifted(DriftKind.REPLACED)


def test_our_own_answer_seen_again_on_the_watch_is_settled():
    case = recorded("scale")
    seen = observe(case.applied, OWNER)
    assert judge(case.receipt, seen, has_generation=True) == Settled()


def test_an_event_older_than_the_receipt_is_dropped_whatever_it_shows():
    case = recorded("scale")
    newest = receipt_from_response("d", case.live)
    assert judge(newest, observe(case.applied, OWNER), has_generation=True) == Settled(stale=True)


def test_a_list_after_a_restored_backup_is_drift_though_its_resource_version_is_older():
    case = recorded("scale")
    newest = receipt_from_response("d", case.live)
    old = observe(case.applied, OWNER)
    assert judge(newest, old, has_generation=True, listed=True) == CHANGED


def test_admission_that_changes_our_field_without_a_trace_is_verified_by_the_generation():
    case = recorded("set-image")
    live = copy.deepcopy(case.applied)
    live["metadata"]["generation"] += 1
    live["metadata"]["resourceVersion"] = str(int(live["metadata"]["resourceVersion"]) + 1)
    verdict = judge(case.receipt, observe(live, OWNER), has_generation=True)
    assert isinstance(verdict, Verify)


def test_another_version_of_the_same_entry_has_the_same_token():
    case = recorded("scale")
    live = copy.deepcopy(case.applied)
    for entry in live["metadata"]["managedFields"]:
        entry["apiVersion"] = "apps/v2"
    assert token_of(live) == token_of(case.applied)


def test_a_metadata_only_event_is_judged_like_the_whole_object():
    case = recorded("scale")
    partial = {
        "kind": case.live["kind"],
        "apiVersion": case.live["apiVersion"],
        "metadata": case.live["metadata"],
    }
    assert judge(case.receipt, observe(partial, OWNER), has_generation=True) == CHANGED


def test_an_owner_label_that_somebody_overwrote_is_drift():
    case = recorded("scale")
    live = copy.deepcopy(case.applied)
    live["metadata"]["resourceVersion"] += "0"
    live["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = "other"
    assert judge(case.receipt, observe(live, OWNER), has_generation=True) == CHANGED


class TestAtStart:
    def test_without_a_receipt_the_object_is_verified(self):
        seen = observe(recorded("scale").applied, OWNER)
        assert isinstance(judge_at_start(None, seen, has_generation=True), Verify)

    def test_without_a_receipt_a_missing_object_is_gone(self):
        assert judge_at_start(None, GONE, has_generation=True) == Drifted(DriftKind.GONE)

    def test_an_object_equal_to_its_receipt_needs_no_request(self):
        case = recorded("scale")
        seen = observe(case.applied, OWNER)
        assert judge_at_start(case.receipt, seen, has_generation=True) == Settled()

    def test_our_own_newer_entry_is_unfinished_work_and_not_drift(self):
        case = recorded("same-manager-other-value")
        assert own_entry(case.live, "setpoint").time > own_entry(case.applied, "setpoint").time
        verdict = judge_at_start(case.receipt, case.observed, has_generation=True)
        assert isinstance(verdict, Verify)

    def test_fields_that_somebody_took_while_we_were_down_are_drift(self):
        case = recorded("set-image")
        verdict = judge_at_start(case.receipt, case.observed, has_generation=True)
        assert verdict == CHANGED

    def test_an_entry_that_somebody_cleared_while_we_were_down_is_drift(self):
        case = recorded("managed-fields-cleared")
        assert judge_at_start(case.receipt, case.observed, has_generation=True) == CHANGED


@pytest.mark.parametrize(
    ("version", "than", "expected"),
    [
        ("5", "5", True),
        ("5", "6", True),
        ("10", "9", False),
        ("opaque", "9", False),
        ("a", "a", True),
    ],
)
def test_versions_are_compared_as_numbers_where_they_are_some(version, than, expected):
    assert not_newer(version, than) is expected
