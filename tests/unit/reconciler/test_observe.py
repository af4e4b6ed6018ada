"""
Watches become notices of lanes; one that shows no life is not trusted.
"""

import asyncio
from contextlib import suppress

import pytest

from services.reconciler.core.health import Status
from services.reconciler.observe import TRUST, Observer
from services.reconciler.ports import Kind, Seen, Silent
from shared.kube.errors import Unreachable
from shared.model import ObjectKey
from tests.fakes.reconciler.api import FakeApi
from tests.fakes.reconciler.ports import FakeCluster, FakeWatches
from tests.unit.reconciler.world import World, config, config_key

ONE, TWO = config_key("one"), config_key("two")
CONFIGS = ("", "ConfigMap")
THING = ("example.dev", "Thing")


async def settle():
    # Everything is in memory: a bounded number of turns of the loop brings it to rest.
    for _ in range(50):
        await asyncio.sleep(0)


class Voices(FakeWatches):
    """Watches into which a test speaks as well, and that count how they were opened."""

    def __init__(self, api):
        super().__init__(api)
        self.opened = []
        self.said = asyncio.Queue()

    async def managed(self, kind, *, whole):
        self.opened.append((kind.kind, whole))
        async for notice in super().managed(kind, whole=whole):
            yield notice
            while not self.said.empty():
                yield self.said.get_nowait()


@pytest.fixture
async def world():
    made = World()
    made.push(config("one"), config("two"))
    made.declare()
    made.process = made.start()
    await made.process.settle()
    made.lane = await made.process.lane()
    made.lane.health_moved.clear()
    made.voices = Voices(made.api)
    made.observer = Observer(
        made.voices, made.cluster, lanes_of=made.process.lanes.objects, clock=made.clock
    )
    task = asyncio.create_task(made.observer.run())
    await settle()
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_changed_or_is_gone_in_the_first_snapshot_has_drifted(world):
    world.api.edit(ONE, {"data": {"a": "9"}})
    world.api.delete(TWO)
    world.observer.require({CONFIGS})
    await world.observer.first({CONFIGS})
    assert world.lane.marks.drifted == {ONE: True, TWO: True}


async def test_what_is_as_it_was_has_not(world):
    world.observer.require({CONFIGS})
    await settle()
    assert world.lane.marks.drifted == {}
    assert world.observer.kinds == {CONFIGS}


async def test_a_change_a_lost_label_and_an_end_reach_the_lane_of_the_object(world):
    world.observer.require({CONFIGS})
    await settle()
    world.api.edit(ONE, {"data": {"a": "9"}})
    await settle()
    assert world.lane.marks.drifted == {ONE: True}
    labels = dict.fromkeys(world.lane.owner.labels)
    world.api.edit(TWO, {"metadata": {"labels": labels}})
    await settle()
    assert world.lane.marks.drifted == {ONE: True, TWO: True}


async def test_an_object_that_no_inventory_has_concerns_nobody(world):
    world.observer.require({CONFIGS})
    await settle()
    strange = config("strange")
    strange["metadata"]["labels"] = world.lane.owner.labels
    world.api.apply(strange, manager="somebody")
    await settle()
    assert world.lane.marks.drifted == {}


async def test_a_kind_is_followed_once_and_whole_only_where_its_health_needs_it(world):
    for _ in range(2):
        world.observer.require({CONFIGS, ("apps", "Deployment")})
        await settle()
    assert sorted(world.voices.opened) == [("ConfigMap", False), ("Deployment", True)]


async def test_a_watch_is_trusted_while_it_shows_life(world):
    assert not world.observer.trusted(CONFIGS)
    world.observer.require({CONFIGS})
    await settle()
    assert world.observer.trusted(CONFIGS)
    world.clock.advance(TRUST)
    assert world.observer.trusted(CONFIGS)
    world.clock.advance(1)
    assert not world.observer.trusted(CONFIGS)
    world.api.edit(ONE, {"metadata": {"annotations": {"x": "y"}}})
    await settle()
    assert world.observer.trusted(CONFIGS)


async def test_a_watch_that_fails_is_not_trusted_until_it_speaks_again(world):
    world.voices.said.put_nowait(Silent())
    world.observer.require({CONFIGS})
    await settle()
    assert not world.observer.trusted(CONFIGS)
    world.voices.said.put_nowait(Seen(object=world.api.find(ONE)))
    world.api.edit(ONE, {"metadata": {"annotations": {"x": "y"}}})
    await settle()
    assert world.observer.trusted(CONFIGS)


async def test_a_kind_that_is_not_needed_any_more_is_let_go(world):
    world.observer.require({CONFIGS})
    await settle()
    world.observer.release({CONFIGS, THING})
    await settle()
    assert world.observer.kinds == frozenset()
    assert not world.observer.trusted(CONFIGS)
    assert world.api.watchers == []
    world.api.edit(ONE, {"data": {"a": "9"}})
    await settle()
    assert world.lane.marks.drifted == {}


async def test_a_kind_that_nobody_serves_yet_is_asked_for_again(world):
    world.observer.require({THING})
    await settle()
    assert world.voices.opened == []
    world.api.serve(Kind(group="example.dev", version="v1", kind="Thing", namespaced=True))
    world.clock.advance(5)
    await settle()
    assert world.voices.opened == [("Thing", True)]


async def test_an_object_of_others_is_followed_for_every_lane_that_waits_for_it(world):
    strange = config_key("strange")
    world.observer.follow(world.lane, frozenset({strange}))
    await settle()
    assert world.lane.memory.health[strange].status is Status.NOT_FOUND
    world.api.apply(config("strange"), manager="somebody")
    await settle()
    assert world.lane.memory.health[strange].status is Status.CURRENT
    assert world.lane.health_moved.is_set()
    world.api.delete(strange)
    await settle()
    assert world.lane.memory.health[strange].status is Status.NOT_FOUND


async def test_what_no_lane_waits_for_any_more_is_not_followed(world):
    strange = config_key("strange")
    world.declare("other")
    other = await world.process.lane("other")
    for lane in (world.lane, other):
        world.observer.follow(lane, frozenset({strange}))
    world.observer.follow(world.lane, frozenset())
    await settle()
    assert len(world.api.watchers) == 1
    world.api.apply(config("strange"), manager="somebody")
    await settle()
    assert other.memory.health[strange].status is Status.CURRENT
    assert strange not in world.lane.memory.health
    world.observer.follow(other, frozenset())
    await settle()
    assert world.api.watchers == []


async def test_nothing_is_followed_before_the_observer_runs():
    api = FakeApi("ns")
    observer = Observer(FakeWatches(api), FakeCluster(api), lanes_of=lambda _: {}, clock=None)
    with pytest.raises(RuntimeError, match="before run"):
        observer.require({CONFIGS})


async def test_a_kind_whose_objects_cannot_be_read_costs_one_request_and_no_other_kind(world):
    world.observer.require({CONFIGS, ("", "Namespace")})
    await settle()
    world.clock.advance(TRUST + 1)
    down = Unreachable("the API server does not answer")
    reads = []

    async def get(key):
        reads.append(key)
        if key.kind == "ConfigMap":
            raise down
        return {"metadata": {"labels": {"a": "b"}}}

    world.cluster.get = get
    shop = ObjectKey(group="", kind="Namespace", namespace="", name="shop")
    assert await world.observer.owners([ONE, TWO, shop]) == {ONE: down, TWO: down, shop: {"a": "b"}}
    assert reads == [ONE, shop]
