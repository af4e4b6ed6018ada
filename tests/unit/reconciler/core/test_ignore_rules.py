import copy
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.ignore_rules import parse_pointer, pointers_for, to_send, without
from services.reconciler.core.manifest import desired_of
from services.reconciler.core.selector import SelectorError, matches, selects
from shared.api.kustomization_parts import IgnoreRule
from shared.api.references import Selector
from tests.unit.reconciler.made import desired
from tests.unit.reconciler.recorded import recorded

REPLICAS = (("spec", "replicas"),)


def rule(*paths, **target):
    return IgnoreRule(paths=paths, target=Selector(**target) if target else None)


def test_a_rule_without_a_target_is_for_every_object():
    one = desired("Deployment", "web", "n", "apps/v1")
    assert pointers_for(one, [rule("/spec/replicas")]) == REPLICAS
    assert pointers_for(one, [rule("/spec/replicas", kind="StatefulSet")]) == ()
    assert pointers_for(one, [rule("/spec/replicas", kind="Deployment", name="w.b")]) == REPLICAS


def test_pointers_escape_slashes():
    text = "/metadata/annotations/example.org~1note~0x"
    assert parse_pointer(text) == ("metadata", "annotations", "example.org/note~x")


@pytest.mark.parametrize("text", ["", "/", "spec/replicas", ".spec"])
def test_what_is_no_pointer_is_refused(text):
    with pytest.raises(SelectorError, match=r"is not a JSON pointer"):
        parse_pointer(text)


def test_ignored_fields_count_neither_in_the_digest_nor_in_the_content():
    one, other = (
        desired("Deployment", "web", "n", "apps/v1", spec={"replicas": count, "paused": False})
        for count in (1, 9)
    )
    assert without(one, REPLICAS).digest == without(other, REPLICAS).digest
    assert without(one, REPLICAS).object["spec"] == {"paused": False}
    assert one.object["spec"]["replicas"] == 1
    assert without(one, ()) is one


def test_a_new_object_gets_what_is_declared():
    one = desired_of(recorded("scale").desired)
    assert to_send(one, REPLICAS, None)["spec"]["replicas"] == 2


def test_a_field_that_somebody_else_owns_is_left_out():
    case = recorded("scale")
    sent = to_send(desired_of(case.desired), REPLICAS, case.live)
    assert "replicas" not in sent["spec"]


def test_a_field_that_only_we_own_keeps_its_live_value():
    case = recorded("status")
    live = copy.deepcopy(case.live)
    live["spec"]["replicas"] = 4
    sent = to_send(desired_of(case.desired), REPLICAS, live)
    assert sent["spec"]["replicas"] == 4
    assert case.desired["spec"]["replicas"] == 2


def test_a_field_that_is_not_there_is_left_out():
    case = recorded("label-removed")
    pointer = (("metadata", "labels", "app"),)
    assert "app" not in to_send(desired_of(case.desired), pointer, case.live)["metadata"]["labels"]


def test_a_field_that_nobody_declared_does_not_become_ours():
    case = recorded("status")
    pointer = (("spec", "progressDeadlineSeconds"),)
    assert to_send(desired_of(case.desired), pointer, case.live) == case.desired


def test_items_of_lists_are_named_by_their_place():
    one = desired("ConfigMap", "a", "n", list=[{"x": 1, "y": 2}, {"x": 3}])
    assert without(one, [("list", "0", "x")]).object["list"] == [{"y": 2}, {"x": 3}]
    assert without(one, [("list", "9", "x"), ("list", "1")]).object["list"] == [{"x": 1, "y": 2}]


@given(st.lists(st.sampled_from(["a", "b", "0", "1"]), min_size=1, max_size=4).map(tuple))
def test_any_pointer_can_be_removed_from_any_object(pointer):
    one = desired("X", "x", a={"b": [1, {"a": 2}], "0": {}}, b=[[1], "a"])
    without(one, [pointer])


class TestSelectors:
    @pytest.mark.parametrize(
        ("selector", "expected"),
        [
            (None, True),
            ({}, True),
            ({"kind": "Deploy.*"}, True),
            ({"kind": "Deploy"}, False),
            ({"name": "web|api"}, True),
            ({"group": "apps", "version": "v1", "namespace": "n"}, True),
            ({"group": "batch"}, False),
            ({"label_selector": "app=web"}, True),
            ({"label_selector": "app=web,tier"}, False),
            ({"annotation_selector": "note in (a, b)"}, True),
        ],
    )
    def test_all_parts_must_match_as_a_whole(self, selector, expected):
        metadata = {"labels": {"app": "web"}, "annotations": {"note": "b"}}
        one = desired("Deployment", "web", "n", "apps/v1", metadata=metadata)
        chosen = None if selector is None else Selector(**selector)
        assert selects(chosen, one) is expected

    @pytest.mark.parametrize("pattern", ["(", "(a+)+", "(a|b){2}", "x" * 254])
    def test_a_pattern_that_is_broken_or_dear_is_refused(self, pattern):
        with pytest.raises(SelectorError):
            selects(Selector(name=pattern), desired("ConfigMap", "a", "n"))

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", True),
            ("a=1", True),
            ("a==1", True),
            ("a!=1", False),
            ("missing!=1", True),
            ("a", True),
            ("!a", False),
            ("! missing , a in (1,2)", True),
            ("a notin (1,2)", False),
            ("missing notin (1)", True),
            ("a=1,b.c/d=x", True),
            ("a=", False),
        ],
    )
    def test_labels_are_selected_as_in_the_api(self, text, expected):
        assert matches(text, {"a": "1", "b.c/d": "x"}) is expected

    @pytest.mark.parametrize("text", ["=", "a in 1", "a=1 b=2", "a=(1)", ",,"])
    def test_a_selector_that_cannot_be_read_is_refused(self, text):
        with pytest.raises(SelectorError, match=r"cannot be read"):
            matches(text, {"a": "1"})

    @given(st.text(max_size=30))
    def test_any_selector_is_answered_or_refused(self, text):
        with suppress(SelectorError):
            assert matches(text, {"a": "1"}) in {True, False}
