import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reconciler.core.inventory import Inventory, InventoryCorruptError
from shared.errors import StalledError
from shared.model import ObjectKey
from tests.unit.reconciler.made import desired, key

names = st.from_regex(r"[a-z][a-z0-9.-]{0,8}", fullmatch=True)
keys = st.builds(
    ObjectKey,
    group=st.sampled_from(["", "apps", "rbac.authorization.k8s.io", "example.org"]),
    kind=st.sampled_from(["ConfigMap", "Role", "ClusterRole", "Widget"]),
    namespace=st.one_of(st.just(""), names),
    name=names,
)
inventories = st.dictionaries(keys, st.sampled_from(["v1", "v1beta1"])).map(Inventory)


@given(inventories)
def test_what_is_written_is_read_again_in_the_same_order(one):
    again = Inventory.parse(one.to_json())
    assert list(again.entries.items()) == list(one.entries.items())


@given(inventories, inventories)
def test_a_union_holds_both_so_that_a_crash_leaks_nothing(old, new):
    both = old.union(new)
    assert both.keys == old.keys | new.keys
    assert all(both.entries[one] == version for one, version in new.entries.items())
    assert both.covers(new)


@given(inventories, inventories)
def test_after_trimming_what_is_stale_only_the_new_is_left(old, new):
    assert old.union(new).trim(old.stale(new)).keys == new.keys


@given(inventories)
def test_nothing_is_stale_against_itself(one):
    assert one.stale(one) == ()
    assert one.covers(one)


def test_another_version_of_an_object_is_not_stale_but_is_written():
    old = Inventory({key("Widget", "w", "n", "example.org"): "v1beta1"})
    new = Inventory.of([desired("Widget", "w", "n", "example.org/v1")])
    assert old.stale(new) == ()
    assert not old.covers(new)
    assert old.union(new).to_json() == {"entries": [{"id": "n_w_example.org_Widget", "v": "v1"}]}


@pytest.mark.parametrize("recorded", [None, {}, {"entries": []}, {"entries": None}])
def test_no_record_is_an_empty_inventory(recorded):
    assert len(Inventory.parse(recorded)) == 0


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"id": "n_a__ConfigMap"},
        {"v": "v1"},
        {"id": "broken", "v": "v1"},
        None,
        "x",
        {"id": 1, "v": "v1"},
    ],
)
def test_one_entry_that_cannot_be_read_fails_the_whole(entry):
    good = {"id": "n_a__ConfigMap", "v": "v1"}
    with pytest.raises(InventoryCorruptError, match=r"status\.inventory cannot be read") as error:
        Inventory.parse({"entries": [good, entry]})
    assert isinstance(error.value, StalledError)
    assert error.value.reason == "ReconciliationFailed"


def test_it_says_how_many_objects_it_has():
    assert repr(Inventory.of([desired("ConfigMap", "a", "n")])) == "Inventory(1 objects)"
