import copy

import pytest

from services.reconciler.core.fields import entries, owned
from services.reconciler.core.owner import Owner
from services.reconciler.core.ownership import ForeignOwner, conflict_message, fold, foreign_owner
from tests.unit.reconciler.recorded import OWNER, recorded

NOTED = "kubectl.kubernetes.io/last-applied-configuration"


def managers(operations):
    [fields] = [one["value"] for one in operations if one["path"] == "/metadata/managedFields"]
    return {one["manager"] for one in fields}


def after(case, operations):
    obj = copy.deepcopy(case.applied)
    for one in operations:
        if one["path"] == "/metadata/managedFields":
            obj["metadata"]["managedFields"] = one["value"]
    return obj


@pytest.mark.parametrize(
    ("case", "manager"),
    [
        ("taken-over-from-kubectl-apply", "kubectl-client-side-apply"),
        ("taken-over-from-flux", "kustomize-controller"),
        ("applied-again-after-clearing", "before-first-apply"),
    ],
)
def test_nobody_that_we_take_over_from_keeps_a_field_that_we_declare(case, manager):
    case = recorded(case)
    before = {one.manager: owned(one.fields) for one in entries(case.applied)}
    assert before[manager] & before["setpoint"]
    obj = after(case, fold(case.applied))
    now = {(one.manager, one.subresource): owned(one.fields) for one in entries(obj)}
    assert not now.get((manager, ""), frozenset()) & before["setpoint"]
    assert now["setpoint", ""] == before["setpoint"]


def test_fields_of_theirs_that_we_do_not_declare_stay_theirs():
    case = recorded("taken-over-from-flux")
    obj = after(case, fold(case.applied))
    [theirs] = [one for one in entries(obj) if one.manager == "kustomize-controller"]
    assert owned(theirs.fields) == {("metadata", "annotations", "old")}


def test_the_patch_holds_only_for_the_object_that_was_answered():
    case = recorded("taken-over-from-flux")
    assert fold(case.applied)[0] == {
        "op": "test",
        "path": "/metadata/resourceVersion",
        "value": case.applied["metadata"]["resourceVersion"],
    }


def test_the_note_of_the_last_client_side_apply_goes():
    case = recorded("taken-over-from-kubectl-apply")
    assert NOTED in case.applied["metadata"]["annotations"]
    assert {
        "op": "remove",
        "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
    } in fold(case.applied)


@pytest.mark.parametrize("case", ["scale", "status", "configmap-edited", "co-owner-same-value"])
def test_an_object_that_is_ours_alone_needs_no_patch(case):
    assert fold(recorded(case).applied) is None


def test_a_patch_that_was_done_is_not_done_again():
    for name in ("taken-over-from-flux", "applied-again-after-clearing"):
        case = recorded(name)
        assert fold(after(case, fold(case.applied))) is None


def test_other_appliers_and_controllers_keep_their_fields():
    case = recorded("co-owner-same-value")
    assert fold(case.live) is None


def test_owners_of_status_and_scale_are_left_alone():
    applied = copy.deepcopy(recorded("taken-over-from-flux").applied)
    for one in applied["metadata"]["managedFields"]:
        if one["manager"] == "kustomize-controller":
            one["subresource"] = "status"
    assert fold(applied) is None


@pytest.mark.parametrize("manager", ["kubectl-edit", "helm", "Helm", "helm-controller"])
def test_tools_are_known_by_the_beginning_of_their_names(manager):
    applied = copy.deepcopy(recorded("taken-over-from-flux").applied)
    for one in applied["metadata"]["managedFields"]:
        if one["manager"] == "kustomize-controller":
            one["manager"] = manager
    assert fold(applied) is not None


def test_without_our_own_entry_there_is_nothing_to_fold_into():
    assert fold(recorded("managed-fields-cleared").live) is None


def test_labels_of_another_kustomization_name_its_owner():
    other = foreign_owner(Owner(name="infra", namespace="flux-system").labels, OWNER)
    assert other == ForeignOwner(kind="Kustomization", namespace="flux-system", name="infra")
    assert other.key.inventory_id == "flux-system_infra_kustomize.toolkit.fluxcd.io_Kustomization"
    message = conflict_message(other, OWNER)
    assert "Kustomization/flux-system/infra" in message
    assert "Kustomization/flux-system/apps" in message


def test_where_nobody_knows_what_the_other_declares_now_the_refusal_says_how_to_find_out():
    other = foreign_owner(Owner(name="infra", namespace="flux-system").labels, OWNER)
    message = conflict_message(other, OWNER, unread=True)
    assert "whose newest state cannot be read" in message
    assert "see what Kustomization/flux-system/infra says in its status" in message


def test_labels_of_a_release_name_its_owner():
    labels = {"helm.toolkit.fluxcd.io/name": "db", "helm.toolkit.fluxcd.io/namespace": "n"}
    assert str(foreign_owner(labels, OWNER)) == "HelmRelease/n/db"


@pytest.mark.parametrize(
    "labels", [None, {}, OWNER.labels, {"kustomize.toolkit.fluxcd.io/name": "half"}]
)
def test_our_own_labels_or_none_name_nobody_else(labels):
    assert foreign_owner(labels, OWNER) is None
