"""What a lane notes of its objects: drift is never lost, and nobody's writes keep it busy."""

from datetime import timedelta

import pytest

from services.reconciler.apply import Apply
from services.reconciler.core.drift import DriftKind
from services.reconciler.core.explain import DriftReport
from services.reconciler.core.fights import Fight
from services.reconciler.core.inventory import Inventory
from services.reconciler.core.pause import PAUSED_UNTIL
from services.reconciler.core.receipt import Saved, receipt_from_response
from services.reconciler.core.standing import DriftAction, Standing
from services.reconciler.lane import Lane
from services.reconciler.marks import VERIFY_EVERY
from services.reconciler.memory import Held
from shared.errors import TransientError
from tests.fakes.clock import FakeClock
from tests.fakes.reconciler.api import FakeApi
from tests.fakes.reconciler.ports import FakeCluster
from tests.unit.reconciler.made import desired

OWNER = {
    "kustomize.toolkit.fluxcd.io/name": "app",
    "kustomize.toolkit.fluxcd.io/namespace": "shop",
}
CONF = desired("ConfigMap", "conf", "shop", metadata={"labels": OWNER}, data={"a": "1"})


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def api():
    return FakeApi("shop")


@pytest.fixture
def lane(clock, api):
    declared = {"metadata": {"namespace": "shop", "name": "app", "uid": "u", "generation": 1}}
    lane = Lane(declared, clock=clock)
    lane.settled, lane.due = True, None
    lane.memory.desired[CONF.key] = CONF
    lane.inventory = Inventory.of([CONF])
    lane.remember(
        Saved(receipts={CONF.key: receipt_from_response(CONF.digest, api.apply(CONF.object))})
    )
    lane.notice(CONF.key, api.find(CONF.key))
    lane.wake.clear()
    return lane


def annotated(api):
    return api.edit(CONF.key, {"metadata": {"annotations": {"seen": "yes"}}})


def test_an_object_that_was_just_looked_at_is_looked_at_again_when_its_pause_ends(lane, clock, api):
    clock.advance(100)
    lane.memory.verified[CONF.key] = clock.monotonic()
    clock.advance(1)
    lane.notice(CONF.key, annotated(api))
    assert lane.marks.drifted == {}
    assert lane.wake.is_set()  # the lane may sleep for an hour
    assert lane.next_time() == 100 + VERIFY_EVERY
    clock.advance(VERIFY_EVERY)
    lane.marks.look_again()
    assert lane.marks.drifted == {CONF.key: False}


def test_the_pause_of_one_object_delays_no_other_work(lane, clock, api):
    lane.memory.verified[CONF.key] = clock.monotonic()
    lane.notice(CONF.key, annotated(api))
    lane.marks.look_again()
    assert lane.marks.drifted == {}


def test_what_cannot_be_read_delays_nothing_that_is_due_sooner(lane, clock):
    lane.marks.put_back(CONF.key, certain=True)
    assert lane.next_time() == VERIFY_EVERY
    lane.marks.look_at(CONF.key, clock.now() + timedelta(seconds=5), held=False)
    assert lane.next_time() == 5


@pytest.mark.parametrize(("until", "marked"), [("2999-01-01T00:00:00Z", False), (None, True)])
def test_an_object_that_is_paused_no_longer_is_looked_at_at_once(lane, clock, api, until, marked):
    report = DriftReport(key=CONF.key, kind=DriftKind.CHANGED)
    standing = Standing(report=report, action=DriftAction.PAUSED, since="", text="")
    lane.memory.standing[CONF.key] = Held(standing=standing, token="")
    lane.memory.verified[CONF.key] = clock.monotonic()
    change = {"metadata": {"annotations": {PAUSED_UNTIL: until}}} if until else {"data": {"a": "9"}}
    lane.notice(CONF.key, api.edit(CONF.key, change))
    assert (CONF.key in lane.marks.drifted) == marked


def fight(clock, manager):
    return Fight(manager=manager, since=clock.now(), last_write=clock.now())


def test_writes_in_a_fight_wake_nobody_until_its_time_has_come(lane, clock, api):
    lane.memory.fights[CONF.key] = fight(clock, "hpa")
    lane.marks.look_at(CONF.key, clock.now() + timedelta(minutes=10), held=True)
    clock.advance(60)
    lane.notice(CONF.key, api.edit(CONF.key, {"data": {"a": "9"}}))
    assert (lane.marks.drifted, lane.wake.is_set()) == ({}, False)
    assert lane.memory.fights[CONF.key].last_write == clock.now()
    assert lane.next_time() == 600
    clock.advance(540)
    lane.marks.look_again()
    assert CONF.key in lane.marks.drifted


@pytest.mark.parametrize(("over", "waits"), [("hpa", False), ("", True)])
def test_a_lost_object_waits_only_in_a_fight_over_its_being_there(lane, clock, api, over, waits):
    lane.memory.fights[CONF.key] = fight(clock, over)
    lane.marks.look_at(CONF.key, clock.now() + timedelta(minutes=10), held=True)
    lane.notice(CONF.key, None)
    assert (CONF.key not in lane.marks.drifted) == waits


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"suspend": True}},
        {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["f"]}},
    ],
)
def test_a_lane_that_rests_sleeps_also_when_something_else_was_due(lane, clock, api, change):
    lane.look_at = clock.monotonic() + 300
    lane.memory.verified[CONF.key] = clock.monotonic()
    lane.notice(CONF.key, annotated(api))
    assert lane.next_time() == VERIFY_EVERY
    meta = lane.declared["metadata"] | change.get("metadata", {}) | {"resourceVersion": "2"}
    lane.declared = {**lane.declared, **change, "metadata": meta}
    clock.advance(600)
    assert lane.next_time() == float("inf")
    lane.due = clock.monotonic() + 1
    assert lane.next_time() == lane.due


class Meddled(FakeCluster):
    """A cluster in which somebody writes right after our apply, before its answer is read."""

    lane: Lane

    async def apply(self, obj, *, dry_run=False):
        answer = await super().apply(obj, dry_run=dry_run)
        self.lane.notice(CONF.key, self.api.edit(CONF.key, {"data": {"a": "9"}}))
        return answer


async def test_drift_that_comes_while_our_own_apply_is_under_way_is_not_lost(lane, api):
    cluster = Meddled(api)
    cluster.lane = lane
    await Apply(cluster, parallel=1).run(lane, [CONF], {CONF.key: CONF}, outdated=lambda: False)
    assert lane.marks.drifted == {CONF.key: True}


class Down(FakeCluster):
    async def apply(self, obj, *, dry_run=False):
        raise TransientError("the API server does not answer")


@pytest.mark.parametrize("certain", [True, False])
async def test_a_failed_apply_leaves_the_mark_of_drift(lane, api, certain):
    lane.marks.mark(CONF.key, certain=certain)
    done = await Apply(Down(api), parallel=1).run(
        lane, [CONF], {CONF.key: CONF}, outdated=lambda: False
    )
    assert CONF.key in done.refused
    assert lane.marks.drifted == {CONF.key: certain}


def many(lane, count):
    """
    Let a lane have applied some objects, and a pass have ended.
    """
    made = [desired("ConfigMap", f"conf{n}", "shop", data={"a": "1"}) for n in range(count)]
    receipt = lane.memory.receipts[CONF.key]
    lane.memory.receipts = {one.key: receipt for one in made}
    return [one.key for one in made]


def test_objects_that_nobody_writes_are_looked_at_one_by_one_within_the_period(lane, clock):
    keys, ages = many(lane, 4), iter([0.2, 0.8, 0.4, 0.6])
    lane.marks.plan_checks(100, lambda: next(ages))
    seen = []
    for _ in keys:
        clock.advance(lane.next_time() - clock.monotonic())
        lane.marks.look_again()
        (key,) = lane.marks.drifted
        assert not lane.marks.take(key)
        lane.memory.verified[key] = clock.monotonic()
        seen.append((key, round(clock.monotonic())))
    assert {key for key, _ in seen} == set(keys)
    assert [when for _, when in seen] == [20, 40, 60, 80]
    assert lane.next_time() == pytest.approx(120)


def test_a_pass_brings_no_look_forward_and_puts_none_off(lane, clock):
    many(lane, 1)
    lane.marks.plan_checks(100, lambda: 0.5)
    for _ in range(7):
        clock.advance(7)
        lane.marks.plan_checks(100, lambda: 0.9)
        lane.marks.look_again()
        assert not lane.marks.drifted
    assert lane.next_time() == 50


def test_an_object_that_is_not_looked_at_when_it_should_be_keeps_no_lane_busy(lane, clock):
    many(lane, 1)
    lane.marks.plan_checks(100, lambda: 0.5)
    clock.advance(50)
    lane.marks.look_again()
    lane.marks.drifted.clear()  # as where a mode leaves drift alone
    assert lane.next_time() == 150
