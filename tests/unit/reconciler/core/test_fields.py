import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.fields import (
    entries,
    inner,
    list_keys,
    members,
    owned,
    parse_step,
    subtract,
)
from services.reconciler.core.paths import Item, Member, lookup, render
from tests.unit.reconciler.recorded import recorded

names = st.sampled_from(["a", "b", "c"])
steps = st.one_of(
    names.map(lambda name: f"f:{name}"),
    names.map(lambda name: f"k:{orjson.dumps({'name': name}).decode()}"),
    names.map(lambda name: f"v:{orjson.dumps(name).decode()}"),
    st.integers(0, 3).map(lambda index: f"i:{index}"),
)
sets = st.recursive(
    st.just({}),
    lambda below: st.dictionaries(st.one_of(steps, st.just(".")), below, max_size=4).map(
        lambda found: {k: ({} if k == "." else v) for k, v in found.items()}
    ),
    max_leaves=20,
)


def prefixes(paths):
    return {path[:n] for path in paths for n in range(1, len(path))}


@given(sets, sets)
def test_subtracting_leaves_what_the_other_set_neither_has_nor_holds(one, other):
    left = owned(subtract(one, other))
    covered = owned(other) | prefixes(owned(other))
    assert left <= owned(one)
    assert not left & owned(other)
    assert owned(one) - covered <= left


@given(sets)
def test_subtracting_a_set_from_itself_leaves_nothing(one):
    assert owned(subtract(one, one)) == frozenset()


@given(sets)
def test_subtracting_nothing_changes_nothing(one):
    assert owned(subtract(one, {})) == owned(one)


@given(st.text())
def test_any_step_can_be_read(text):
    assert parse_step(text) == parse_step(text)
    assert render((parse_step(text),)) is not None


@pytest.mark.parametrize("text", ['k:{"name":[]}', 'k:{"name":{}}', "k:[]", "k:{", "i:x"])
def test_a_step_of_an_unknown_form_is_a_field_name(text):
    assert owned({text: {}}) == {(text,)}


def test_steps_are_read_as_the_server_writes_them():
    assert parse_step("f:app.kubernetes.io/name") == "app.kubernetes.io/name"
    assert parse_step('k:{"protocol":"TCP","containerPort":80}') == Item(
        (("containerPort", 80), ("protocol", "TCP"))
    )
    assert parse_step('v:"x"') == Member("x")
    assert parse_step("i:3") == 3
    assert parse_step("k:{broken") == "k:{broken"
    assert parse_step('k:"text"') == 'k:"text"'
    assert parse_step("i:x") == "i:x"
    assert parse_step("v:[1]") == "v:[1]"


def test_every_path_of_a_real_entry_leads_to_a_value_of_what_was_declared():
    case = recorded("set-image")
    [ours] = [one for one in entries(case.applied) if one.manager == "setpoint"]
    paths = owned(ours.fields)
    assert len(paths) > 10
    assert all(lookup(case.desired, path) is lookup(case.desired, path) for path in paths)
    missing = [render(path) for path in paths if "ABSENT" in repr(lookup(case.desired, path))]
    assert missing == []


def test_merge_keys_are_learnt_from_a_real_entry():
    [ours] = [one for one in entries(recorded("scale").applied) if one.manager == "setpoint"]
    pod = ("spec", "template", "spec", "containers")
    assert list_keys(ours.fields) == {
        pod: ("name",),
        (*pod, "*", "env"): ("name",),
        (*pod, "*", "ports"): ("containerPort", "protocol"),
    }


def test_entries_of_an_unknown_form_are_left_out():
    obj = {"metadata": {"managedFields": [None, {"fieldsV1": "x"}, {"manager": "m"}]}}
    assert [one.manager for one in entries(obj)] == ["m"]
    assert entries({}) == ()


def test_paths_are_written_for_people():
    assert render(("spec", Item((("name", "c1"),)), "image")) == "spec[name=c1].image"
    assert render(("metadata", "labels", "a.b/c")) == "metadata.labels[a.b/c]"
    assert render(("metadata", "finalizers", Member("x"))) == "metadata.finalizers[=x]"
    assert render(("a", 0, "b")) == "a[0].b"


def test_the_path_itself_is_in_the_set_if_it_is_empty_or_marked():
    assert set(members({"f:a": {}, "f:b": {".": {}, "f:c": {}}, "f:d": {"f:e": {}}})) == {
        ("a",),
        ("b",),
        ("b", "c"),
        ("d", "e"),
    }


def test_a_set_that_is_nested_without_end_is_read_to_a_depth_that_no_kind_has():
    deep = {}
    for _ in range(3000):
        deep = {"f:a": deep}
    assert subtract(deep, deep) is not None
    assert list_keys(deep) == {}
    assert all(len(path) < 200 for path in owned(deep))
    assert all(len(path) < 200 for path in inner(deep))
