"""What lanes know of each other's objects."""

import pytest

from services.reconciler.core.claims import Claims
from services.reconciler.core.inventory import Inventory
from services.reconciler.core.receipt import Receipt
from services.reconciler.lane import Lane
from services.reconciler.lanes import Lanes
from tests.fakes.clock import FakeClock
from tests.unit.reconciler.made import key

WEB = key("ConfigMap", "web", "shop")
KIND = ("", "ConfigMap")


@pytest.fixture
def pair():
    """Two lanes that have recorded the same object, which the first has."""
    lanes, found = Lanes(), []
    for name in ("first", "second"):
        meta = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1"}
        lane = Lane({"metadata": meta}, clock=FakeClock())
        lane.inventory = Inventory({WEB: "v1"})
        lane.due = None
        lanes.add(lane)
        found.append(lane)
    assert lanes.objects(KIND)[WEB] is found[0]
    return (lanes, *found)


def test_an_object_is_followed_by_who_applied_it_and_the_other_looks_after_its_own(pair):
    lanes, first, second = pair
    lanes.took(second, [WEB])
    assert lanes.objects(KIND)[WEB] is second
    assert first.due == 0.0
    assert second.due is None


def test_what_another_one_has_taken_is_no_drift_of_who_had_it_until_that_lets_it_go(pair):
    lanes, first, second = pair
    first.marks.mark(WEB, certain=True)  # by what a watch showed before the apply was answered
    lanes.took(second, [WEB])
    assert first.marks.drifted == {}
    assert first.memory.foreign == {WEB}
    lanes.remove(second)
    assert first.memory.foreign == set()
    assert first.marks.drifted == {WEB: False}


@pytest.mark.parametrize(
    ("seen", "missed"), [("6", False), ("7", False), ("8", True), (None, True)]
)
def test_what_came_while_another_one_took_an_object_is_looked_at(pair, seen, missed):
    lanes, first, second = pair
    second.memory.receipts[WEB] = Receipt(
        uid="u", desired_digest="d", token="t", generation=0, resource_version="7"
    )
    if seen is not None:
        first.memory.versions[WEB] = seen
    lanes.took(second, [WEB])
    assert second.marks.drifted == ({WEB: False} if missed else {})


@pytest.mark.parametrize("end", ["trimmed", "removed"])
def test_an_object_that_one_lets_go_is_followed_and_looked_at_by_the_other(pair, end):
    lanes, first, second = pair
    if end == "trimmed":
        first.inventory = Inventory.empty()
        lanes.recorded(first)
    else:
        lanes.remove(first)
    assert lanes.objects(KIND)[WEB] is second
    assert second.marks.drifted == {WEB: False}


def claims(*keys):
    return Claims(digest="sha256:x", generation=1, keys=frozenset(keys))


def test_who_asks_whose_an_object_is_hears_of_new_claims_once(pair):
    lanes, first, second = pair
    lanes.asks(second, whose=True)
    lanes.claim(first, claims(WEB))
    assert second.due == 0.0
    second.due = None
    lanes.claim(first, claims(WEB))
    assert second.due is None
    lanes.asks(second, whose=False)
    lanes.claim(first, claims())
    assert second.due is None


def test_who_depends_on_a_lane_is_known_also_after_it_depends_on_another(pair):
    lanes, first, second = pair
    assert lanes.dependents(first) == []

    def depends(version, *names):
        spec = {"dependsOn": [{"name": name} for name in names]}
        meta = second.declared["metadata"] | {"resourceVersion": version}
        second.redeclare({"metadata": meta, "spec": spec})

    depends("2", "first", "third")
    assert lanes.dependents(first) == [second]
    meta = first.declared["metadata"] | {"name": "third"}
    third = Lane({"metadata": meta, "spec": {"dependsOn": [{"name": "first"}]}}, clock=FakeClock())
    lanes.add(third)
    assert lanes.dependents(first) == [second, third]
    assert lanes.dependents(third) == [second]
    depends("3", "third")
    assert (lanes.dependents(first), lanes.dependents(third)) == ([third], [second])
    lanes.remove(second)
    assert lanes.dependents(third) == []
