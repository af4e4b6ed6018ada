from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.inventory import Inventory
from services.reconciler.core.manifest import Refusal, desired_of
from services.reconciler.core.options import ObjectOptions, Ssa
from services.reconciler.core.plan import (
    Action,
    Facts,
    Gate,
    Known,
    action_of,
    make_plan,
    with_refused,
)
from services.reconciler.core.receipt import Receipt
from tests.unit.reconciler.made import RBAC, definition, desired, key

GOLDEN = Path(__file__).parents[3] / "golden" / "plans"
CONFIG = desired("ConfigMap", "a", "n")
OLD = key("ConfigMap", "old", "n")


def receipt(digest, version="7", uid="u"):
    return Receipt(
        uid=uid, desired_digest=digest, token="t", generation=1, resource_version=version
    )


def applied(one):
    return Known(receipt=receipt(one.digest))


def inventory(*keys):
    return Inventory(dict.fromkeys(keys, "v1"))


def plan(*wanted, **facts):
    values = {"desired": wanted, "inventory": Inventory.empty()} | facts
    return make_plan(Facts(**values))


def step(one, **facts):
    [[found]] = plan(one, **facts).stages
    return found.action, found.reason


FIRST = (
    desired("Namespace", "shop"),
    desired_of(definition()),
    desired("Widget", "w", "shop", "example.org/v1"),
    desired("StorageClass", "fast", api_version="storage.k8s.io/v1"),
    desired("Deployment", "web", "shop", "apps/v1"),
    desired("Service", "web", "shop"),
    desired("ClusterRole", "reader", api_version=f"{RBAC}/v1"),
)
SECOND = (
    desired("Namespace", "shop"),
    desired("ConfigMap", "same", "shop"),
    desired("ConfigMap", "edited", "shop", data={"a": "2"}),
    desired("ConfigMap", "drifted", "shop"),
    desired("ConfigMap", "new", "shop"),
    desired(
        "Secret",
        "theirs",
        "shop",
        metadata={"annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}},
    ),
)
CASES = {
    "first": Facts(desired=FIRST, inventory=Inventory.empty()),
    "next": Facts(
        desired=SECOND,
        inventory=inventory(
            *(one.key for one in SECOND if one.key.name != "new"),
            key("Deployment", "gone", "shop", "apps"),
            key("Namespace", "empty"),
        ),
        known={
            **{one.key: applied(one) for one in SECOND if one.key.name in {"shop", "same"}},
            key("ConfigMap", "edited", "shop"): Known(receipt=receipt("sha256:before")),
            key("ConfigMap", "drifted", "shop"): Known(
                receipt=receipt(SECOND[3].digest), drifted=True
            ),
        },
    ),
    "gated": Facts(
        desired=(CONFIG,),
        inventory=inventory(CONFIG.key, OLD),
        refused=(Refusal(key=key("Secret", "s", "n"), message="is SOPS encrypted"),),
        prune=False,
        unreadable=True,
        older=True,
        wiped=True,
    ),
    "empty": Facts(desired=(), inventory=inventory(CONFIG.key, OLD)),
    "nothing": Facts(desired=(), inventory=Inventory.empty()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_plan_reads_as_recorded(name):
    assert f"{make_plan(CASES[name])}\n" == (GOLDEN / f"{name}.txt").read_text()


def test_equal_facts_make_equal_plans():
    assert make_plan(CASES["next"]) == make_plan(CASES["next"])


def test_an_unchanged_and_settled_object_needs_no_request():
    found = plan(CONFIG, inventory=inventory(CONFIG.key), known={CONFIG.key: applied(CONFIG)})
    assert step(CONFIG, known={CONFIG.key: applied(CONFIG)}) == (Action.UNCHANGED, "as applied")
    assert found.changes_nothing
    assert found.applies == ()


@pytest.mark.parametrize(
    ("known", "action"),
    [
        (Known(receipt=receipt("other")), Action.CONFIGURED),
        (Known(receipt=receipt(CONFIG.digest), drifted=True), Action.CONFIGURED),
        (Known(receipt=receipt(CONFIG.digest), exists=False), Action.CREATED),
        (Known(exists=True), Action.CONFIGURED),
        (Known(), Action.CREATED),
        (Known(options=ObjectOptions(reconcile=False)), Action.SKIPPED),
        (Known(options=ObjectOptions(ssa=Ssa.IGNORE)), Action.SKIPPED),
    ],
)
def test_what_is_known_of_an_object_decides_its_action(known, action):
    assert step(CONFIG, known={CONFIG.key: known})[0] is action


def test_a_recorded_object_without_a_receipt_is_applied_to_be_sure():
    assert step(CONFIG, inventory=inventory(CONFIG.key))[0] is Action.CONFIGURED


def test_if_not_present_creates_once_and_leaves_what_is_there():
    annotation = {"annotations": {"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}}
    one = desired("ConfigMap", "a", "n", metadata=annotation)
    assert step(one)[0] is Action.CREATED
    assert step(one, known={one.key: Known(exists=True)})[0] is Action.SKIPPED
    assert step(one, known={one.key: applied(one)})[0] is Action.SKIPPED
    gone = Known(receipt=receipt(one.digest), exists=False)
    assert step(one, known={one.key: gone})[0] is Action.CREATED


def test_what_is_recorded_and_no_longer_declared_is_pruned_backwards():
    old = inventory(key("Namespace", "n"), OLD, key("Deployment", "d", "n", "apps"))
    found = plan(CONFIG, inventory=old)
    assert [str(one.key) for one in found.prunes] == [
        "Deployment/n/d",
        "ConfigMap/n/old",
        "Namespace/n",
    ]
    assert found.may_prune
    assert found.inventory.keys == old.keys | {CONFIG.key}


@pytest.mark.parametrize(
    ("facts", "gate"),
    [
        ({"prune": False}, Gate.PRUNE_DISABLED),
        ({"unreadable": True}, Gate.UNREADABLE),
        ({"older": True}, Gate.OLDER),
        ({"wiped": True}, Gate.WIPED),
        ({"refused": (Refusal(key=None, message="x"),)}, Gate.REFUSED),
    ],
)
def test_each_gate_keeps_stale_objects(facts, gate):
    found = plan(CONFIG, inventory=inventory(OLD), **facts)
    assert found.gates == (gate,)
    assert not found.may_prune
    assert [one.key for one in found.prunes] == [OLD]
    assert OLD in found.inventory


def test_gates_are_silent_where_nothing_is_stale():
    assert plan(CONFIG, prune=False, unreadable=True, older=True, wiped=True).gates == ()


def test_a_refused_object_is_still_declared_and_never_pruned():
    refused = (Refusal(key=OLD, message="broken"),)
    found = plan(CONFIG, inventory=inventory(OLD), refused=refused)
    assert found.prunes == ()
    assert OLD in found.inventory


def test_an_empty_render_of_what_had_objects_ends_the_pass():
    assert plan(inventory=inventory(OLD)).empties
    assert not plan().empties
    allowed = plan(inventory=inventory(OLD), allow_empty=True)
    assert (allowed.empties, allowed.may_prune) == (False, True)


def test_objects_that_were_all_refused_are_no_empty_render():
    assert not plan(inventory=inventory(OLD), refused=(Refusal(key=OLD, message="x"),)).empties


def test_a_refusal_under_way_closes_the_gate():
    found = plan(CONFIG, inventory=inventory(OLD))
    closed = with_refused(found, [Refusal(key=CONFIG.key, message="denied")])
    assert closed.gates == (Gate.REFUSED,)
    assert with_refused(found, []) == found
    assert with_refused(closed, [Refusal(key=None, message="x")]).gates == (Gate.REFUSED,)


def answer(version="7", uid="u", created="c", times=("c",)):
    return {
        "metadata": {
            "uid": uid,
            "resourceVersion": version,
            "creationTimestamp": created,
            "managedFields": [{"time": time} for time in times],
        }
    }


@pytest.mark.parametrize(
    ("response", "before", "existed", "action"),
    [
        (answer(), receipt("d"), None, Action.UNCHANGED),
        (answer("8"), receipt("d"), None, Action.CONFIGURED),
        (answer("8", uid="new"), receipt("d"), None, Action.CREATED),
        (answer(), None, False, Action.CREATED),
        (answer(), None, True, Action.CONFIGURED),
        (answer(), None, None, Action.CREATED),
        (answer(times=("c", "later")), None, None, Action.CONFIGURED),
    ],
)
def test_the_answer_tells_what_an_apply_did(response, before, existed, action):
    assert action_of(response, before, existed=existed) is action


KEYS = [key("ConfigMap", name, "n") for name in "abcd"]
some = st.sets(st.sampled_from(KEYS))


@given(
    wanted=some,
    recorded=some,
    refused=some,
    handed=some,
    allowed=st.booleans(),
    prune=st.booleans(),
    unreadable=st.booleans(),
)
def test_only_what_nobody_declares_is_deleted_and_only_if_all_is_known(
    wanted, recorded, refused, handed, allowed, prune, unreadable
):
    found = plan(
        *(desired(one.kind, one.name, one.namespace) for one in wanted),
        inventory=inventory(*recorded),
        refused=tuple(Refusal(key=one, message="no") for one in refused),
        handed=frozenset(handed),
        allow_empty=allowed,
        prune=prune,
        unreadable=unreadable,
    )
    stale = recorded - wanted - refused - handed
    assert {one.key for one in found.prunes} == stale
    assert found.inventory.keys == recorded | wanted
    empty = not wanted and not refused and recorded and not allowed
    closed = stale and (refused or not prune or unreadable)
    assert found.may_prune is not bool(empty or closed)
    assert found.empties is bool(empty)


@given(wanted=some, known=some)
def test_a_plan_sends_what_is_not_as_applied_and_nothing_else(wanted, known):
    ones = [desired(one.kind, one.name, one.namespace) for one in sorted(wanted)]
    found = plan(
        *ones,
        inventory=inventory(*wanted),
        known={one.key: applied(one) for one in ones if one.key in known},
    )
    assert {step.key for step in found.applies} == wanted - known
    assert found.changes_nothing is (wanted <= known)
