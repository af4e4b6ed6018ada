import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.prunable import AlreadyGone, Delete, Skip, decide_prune
from tests.unit.reconciler.recorded import OWNER

P = "kustomize.toolkit.fluxcd.io/"


def live(**changes):
    return {
        "metadata": {"uid": "u", "resourceVersion": "5", "labels": dict(OWNER.labels)} | changes
    }


def test_an_object_of_ours_is_deleted_only_as_it_was_read():
    assert decide_prune(live(), OWNER) == Delete(uid="u", resource_version="5")


def test_an_object_that_is_not_there_is_gone():
    assert decide_prune(None, OWNER) == AlreadyGone()


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": None},
        {"labels": {}},
        {"labels": OWNER.labels | {f"{P}name": "other"}},
        {"labels": OWNER.labels | {f"{P}namespace": "other"}},
        {"annotations": {f"{P}prune": "Disabled"}},
        {"annotations": {f"{P}reconcile": "disabled"}},
        {"labels": OWNER.labels | {f"{P}ssa": "ignore"}},
    ],
)
def test_an_object_that_is_not_ours_or_opted_out_stays_and_leaves_the_inventory(changes):
    decision = decide_prune(live(**changes), OWNER)
    assert isinstance(decision, Skip)
    assert decision.settled


def test_the_same_object_under_another_group_is_not_deleted():
    decision = decide_prune(live(), OWNER, applied_uids=frozenset({"u"}))
    assert decision == Skip(reason="is the same object as one that was just applied", settled=True)


def test_a_namespace_with_declared_objects_stays_in_the_inventory():
    decision = decide_prune(live(), OWNER, holds_applied=True)
    assert isinstance(decision, Skip)
    assert not decision.settled


def test_an_object_that_is_being_deleted_counts_as_deleted():
    decision = decide_prune(live(deletionTimestamp="2026-01-01T00:00:00Z"), OWNER)
    assert decision == Skip(reason="is being deleted", settled=True)


@pytest.mark.parametrize("changes", [{"uid": ""}, {"resourceVersion": None}])
def test_nothing_is_deleted_without_preconditions(changes):
    decision = decide_prune(live(**changes), OWNER)
    assert isinstance(decision, Skip)
    assert not decision.settled


@given(
    labels=st.fixed_dictionaries(
        {},
        optional={
            name: st.sampled_from([value, value, "other"]) for name, value in OWNER.labels.items()
        },
    ),
    annotations=st.dictionaries(
        st.sampled_from([f"{P}prune", f"{P}reconcile", "x"]),
        st.sampled_from(["disabled", "Disabled", "enabled"]),
    ),
    uid=st.sampled_from(["u", "applied", ""]),
    version=st.sampled_from(["5", ""]),
    holds=st.booleans(),
    going=st.booleans(),
)
def test_nothing_is_deleted_but_what_is_surely_ours_and_in_nobodys_way(
    labels, annotations, uid, version, holds, going
):
    changes = {"labels": labels, "annotations": annotations, "uid": uid, "resourceVersion": version}
    changes |= {"deletionTimestamp": "2026-01-01T00:00:00Z"} if going else {}
    found = decide_prune(
        live(**changes), OWNER, applied_uids=frozenset({"applied"}), holds_applied=holds
    )
    ours = labels.items() >= OWNER.labels.items()
    opted = "disabled" in {
        annotations.get(f"{P}{name}", "").lower() for name in ("prune", "reconcile")
    }
    free = not (opted or holds or going) and bool(version) and uid == "u"
    assert isinstance(found, Delete) is (ours and free)
