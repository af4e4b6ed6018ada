import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.diff import differences, equal
from services.reconciler.core.paths import ABSENT, lookup, render
from tests.unit.reconciler.recorded import recorded

scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=4))
values = st.recursive(
    scalars,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "name", "containers", "limits"]), below),
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(["spec", "data", "webhooks"]), values).map(
    lambda body: {"apiVersion": "v1", "kind": "X", **body}
)


@given(objects)
def test_an_object_does_not_differ_from_itself(obj):
    assert differences(obj, obj) == ()


@given(objects, objects)
def test_every_difference_is_a_declared_value_and_a_live_one(declared, live):
    for one in differences(declared, live):
        # As JSON, in which false and 0 differ at any depth.
        assert one.live is ABSENT or _text(one.declared) != _text(one.live)
        assert lookup(declared, one.path) == one.declared
        assert render(one.path)


def _text(value):
    return json.dumps(value, sort_keys=True)


@given(objects, st.dictionaries(st.sampled_from(["extra", "status"]), values))
def test_fields_that_are_not_declared_never_show(declared, extra):
    assert differences(declared, {**declared, **extra}) == ()


@given(objects, objects)
def test_comparing_changes_neither_side(declared, live):
    before = copy.deepcopy((declared, live))
    differences(declared, live)
    assert (declared, live) == before


def deployment(container):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"template": {"spec": {"containers": container}}},
    }


def paths(declared, live):
    return [render(one.path) for one in differences(declared, live)]


def test_items_of_keyed_lists_are_found_wherever_they_stand():
    declared = deployment([{"name": "a", "image": "1"}, {"name": "b", "image": "1"}])
    live = deployment([{"name": "side"}, {"name": "b", "image": "1"}, {"name": "a", "image": "2"}])
    assert paths(declared, live) == ["spec.template.spec.containers[name=a].image"]


def test_a_missing_item_is_one_difference():
    declared = deployment([{"name": "a", "image": "1"}])
    [one] = differences(declared, deployment([]))
    assert (render(one.path), one.live) == ("spec.template.spec.containers[name=a]", ABSENT)


def test_a_map_that_went_with_its_last_field_is_told_by_its_fields():
    declared = {"metadata": {"annotations": {"a": "1", "b": "2"}, "labels": {"c": "3"}}}
    assert paths(declared, {"metadata": {"labels": {"c": "3"}}}) == [
        "metadata.annotations.a",
        "metadata.annotations.b",
    ]
    assert paths(declared, {}) == paths(declared, {"metadata": {}})


def test_a_map_that_is_gone_differs_even_if_each_of_its_fields_may_be_missing():
    declared = {"spec": {"namespaceSelector": {"matchLabels": {}}}}
    assert paths(declared, {"spec": {}}) == ["spec.namespaceSelector"]


def test_ports_are_matched_with_the_default_protocol():
    declared = deployment([{"name": "a", "ports": [{"containerPort": 80, "name": "web"}]}])
    live = deployment(
        [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP", "name": "web"}]}]
    )
    assert equal(declared, live)


def test_lists_without_keys_are_one_value():
    declared = deployment([{"name": "a", "args": ["x", "y"]}])
    live = deployment([{"name": "a", "args": ["x", "z"]}])
    assert paths(declared, live) == ["spec.template.spec.containers[name=a].args"]


def test_defaults_inside_items_of_an_atomic_list_do_not_show():
    rules = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    declared = {**rules, "spec": {"ingress": [{"ports": [{"port": 80}]}]}}
    live = {**rules, "spec": {"ingress": [{"ports": [{"port": 80, "protocol": "TCP"}]}]}}
    assert equal(declared, live)


def test_names_that_occur_twice_make_a_list_one_value():
    declared = deployment([{"name": "a", "env": [{"name": "X", "value": "1"}] * 2}])
    live = deployment([{"name": "a", "env": [{"name": "X", "value": "1"}]}])
    assert paths(declared, live) == ["spec.template.spec.containers[name=a].env"]


def test_lists_of_custom_kinds_are_one_value_unless_the_server_says_otherwise():
    custom = {"apiVersion": "example.org/v1", "kind": "Widget"}
    declared = {**custom, "spec": {"containers": [{"name": "a", "size": 1}]}}
    live = {**custom, "spec": {"containers": [{"name": "b"}, {"name": "a", "size": 2}]}}
    assert paths(declared, live) == ["spec.containers"]
    fields = {"f:spec": {"f:containers": {'k:{"name":"a"}': {".": {}, "f:name": {}, "f:size": {}}}}}
    entry = {"manager": "setpoint", "operation": "Apply", "fieldsV1": fields}
    keyed = {**live, "metadata": {"managedFields": [entry]}}
    assert paths(declared, keyed) == ["spec.containers[name=a].size"]


def test_sets_are_compared_member_by_member():
    obj = {"apiVersion": "v1", "kind": "ConfigMap"}
    declared = {**obj, "metadata": {"finalizers": ["a/x", "b/y"]}}
    live = {**obj, "metadata": {"finalizers": ["other/z", "b/y"]}}
    assert paths(declared, live) == ["metadata.finalizers[=a/x]"]


@pytest.mark.parametrize(
    ("declared", "live"),
    [("1000m", "1"), ("1", "1000m"), (1, "1"), ("0.5", "500m"), ("1Gi", "1024Mi"), ("1e3", "1k")],
)
def test_equal_amounts_are_equal_however_they_are_written(declared, live):
    limits = lambda cpu: deployment([{"name": "a", "resources": {"limits": {"cpu": cpu}}}])  # noqa: E731
    assert equal(limits(declared), limits(live))


@pytest.mark.parametrize(("declared", "live"), [("1000m", "2"), ("1Gi", "1G"), ("x", "y")])
def test_other_amounts_differ(declared, live):
    limits = lambda cpu: deployment([{"name": "a", "resources": {"limits": {"cpu": cpu}}}])  # noqa: E731
    assert not equal(limits(declared), limits(live))


def test_amounts_outside_of_quantities_are_texts():
    config = lambda value: {"apiVersion": "v1", "kind": "ConfigMap", "data": {"cpu": value}}  # noqa: E731
    assert not equal(config("1000m"), config("1"))


@pytest.mark.parametrize(
    ("declared", "live", "expected"),
    [
        (None, ABSENT, True),
        (None, None, True),
        (None, 1, False),
        ([], ABSENT, True),
        ({}, ABSENT, False),
        (True, 1, False),
        (0, False, False),
        (1, 1.0, True),
        ("80", 80, False),
    ],
)
def test_scalars_are_compared_as_json(declared, live, expected):
    body = {} if live is ABSENT else {"x": live}
    assert equal({"spec": {"x": declared}}, {"spec": body}) is expected


def test_empty_labels_are_no_labels():
    assert equal({"metadata": {"labels": {}}}, {"metadata": {}})


@pytest.mark.parametrize(
    "edit", ["status", "label-undeclared", "co-owner-same-value", "set-env-undeclared"]
)
def test_a_real_object_has_what_was_declared_and_its_defaults_do_not_show(edit):
    case = recorded(edit)
    assert equal(case.desired, case.applied)
    assert equal(case.desired, case.live)


def laid_over(declared, live):
    """Return live with all that is declared, maps told apart; a declared null takes away."""
    if not (isinstance(declared, dict) and isinstance(live, dict)):
        return copy.deepcopy(declared)
    rest = {name: value for name, value in live.items() if name not in declared}
    new = {name: laid_over(value, live.get(name)) for name, value in declared.items()}
    return rest | new


@given(objects, objects)
def test_what_is_declared_laid_over_what_lives_differs_from_it_no_more(declared, live):
    assert differences(declared, laid_over(declared, live)) == ()
    assert equal(declared, laid_over(declared, live))
