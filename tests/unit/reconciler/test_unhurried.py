"""
Lanes that a new revision does not touch: one after another, behind those that it does.
"""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
import yaml

from services.reconciler.lane import Lane
from services.reconciler.slots import Slots, Urgency
from services.reconciler.unhurried import PACE, Bystanders
from tests.fakes.clock import FakeClock
from tests.fakes.reconciler.mortal import Switch
from tests.model.running import HastyClock, Running
from tests.unit.reconciler.working import rest
from tests.unit.reconciler.world import World, config, config_key


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def lanes(clock):
    world = World()
    made = [Lane(world.declare(name=name), clock=clock) for name in ("a", "b", "c")]
    for lane in made:
        lane.due, lane.expected = None, True
    return made


@pytest.fixture(autouse=True)
def together(monkeypatch):
    """How many go at once: one, where it is not what a test is about."""

    def given(number):
        monkeypatch.setattr("services.reconciler.unhurried.TOGETHER", number)

    given(1)
    return given


@asynccontextmanager
async def running(bystanders):
    task = asyncio.create_task(bystanders.run())
    await rest()
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def asked(lanes):
    return [lane.name for lane in lanes if lane.due == 0.0]


async def test_they_go_one_after_another_in_the_order_of_their_coming(clock, lanes):
    bystanders = Bystanders(Slots(1), clock=clock)
    for lane in reversed(lanes):
        bystanders.add(lane)
    async with running(bystanders):
        assert asked(lanes) == ["c"]
        clock.advance(PACE)
        await rest()
        assert asked(lanes) == ["b", "c"]
        clock.advance(PACE)
        await rest()
        assert asked(lanes) == ["a", "b", "c"]


async def test_some_go_at_once_and_then_none_for_as_long_as_their_turns_take(
    clock, lanes, together
):
    together(2)
    bystanders = Bystanders(Slots(1), clock=clock)
    for lane in lanes:
        bystanders.add(lane)
    async with running(bystanders):
        assert asked(lanes) == ["a", "b"]
        clock.advance(1.5 * PACE)
        await rest()
        assert asked(lanes) == ["a", "b"]
        clock.advance(0.5 * PACE)
        await rest()
        assert asked(lanes) == ["a", "b", "c"]


async def test_a_loop_that_was_busy_makes_up_for_some_turns_and_not_for_all(
    clock, lanes, monkeypatch
):
    monkeypatch.setattr("services.reconciler.unhurried.PACE", 0.25)  # which sums up exactly
    monkeypatch.setattr("services.reconciler.unhurried.LATE", 1.0)
    bystanders, turns = Bystanders(Slots(1), clock=clock), 0
    clock.advance(60)
    async with running(bystanders):
        for _ in range(9):
            lanes[0].due, lanes[0].expected = None, True
            bystanders.add(lanes[0])
            await rest()
            turns += lanes[0].due == 0.0
    assert turns == 4 + 2  # of which the first and the one that is due now


async def test_who_waits_keeps_its_place_when_the_next_revision_comes(clock, lanes):
    bystanders = Bystanders(Slots(1), clock=clock)
    for lane in (*lanes, *reversed(lanes)):
        bystanders.add(lane)
    assert bystanders.let_go()
    assert asked(lanes) == ["a"]


async def test_who_has_begun_a_pass_meanwhile_is_not_asked_for_another(clock, lanes):
    bystanders = Bystanders(Slots(1), clock=clock)
    for lane in lanes:
        bystanders.add(lane)
    lanes[0].request(Urgency.NOW)
    lanes[0].due = None  # the pass has begun
    assert bystanders.let_go()
    assert asked(lanes) == ["b"]
    assert bystanders.let_go()
    assert not bystanders.let_go()


async def test_they_wait_until_those_with_a_change_are_through(clock, lanes, monkeypatch):
    monkeypatch.setattr("services.reconciler.slots.AHEAD", 30)
    slots = Slots(2)
    bystanders = Bystanders(slots, clock=clock)
    bystanders.add(lanes[0])
    async with slots.take(Urgency.CHANGED):
        task = asyncio.create_task(bystanders.run())
        await rest()
        assert asked(lanes) == []
    await rest()
    assert asked(lanes) == ["a"]
    task.cancel()


async def test_where_others_press_for_long_nobody_waits_for_each_of_them_anew(
    clock, lanes, monkeypatch
):
    monkeypatch.setattr("services.reconciler.slots.AHEAD", 30)
    slots = Slots(2)
    bystanders = Bystanders(slots, clock=clock)
    for lane in lanes:
        bystanders.add(lane)
    async with slots.take(Urgency.CHANGED):
        slots._since -= 31  # they have pressed for longer than others let them go first
        async with running(bystanders):
            clock.advance(PACE)
            await rest()
            assert asked(lanes) == ["a", "b"]


def text(*names):
    return yaml.safe_dump_all([config(name) for name in names])


async def served(world, **files):
    """The service at a first revision, at rest."""
    running = Running(world, Switch())
    await said(running, **files)
    assert await running.turns()
    return running


async def said(running, **files):
    running.world.push(**files)
    await running.look(running.world.source)


def lane_of(running, name):
    return running.lanes.get("ns", name)


async def test_a_broken_commit_that_is_taken_back_is_looked_at_at_once():
    world = World(HastyClock())
    world.declare(path="./app")
    good = {"app/x.yaml": text("one")}
    running = await served(world, **good)
    await said(running, **{"app/x.yaml": "a: [b"})
    await running.turns()
    assert world.condition() == ("False", "BuildFailed")
    await said(running, **good, **{"notes.txt": "the same again"})
    assert lane_of(running, "app").due == 0.0


async def test_what_a_lane_claims_while_it_waits_is_not_taken_for_what_it_rendered_before():
    world = World(HastyClock())
    for name in ("base", "first", "second"):
        depends = {"dependsOn": [{"name": "base"}]} if name == "first" else {}
        world.declare(name=name, path=f"./{name}", **depends)

    def files(value, first, second):
        base = yaml.safe_dump(config("base", a=value))
        return {
            "base/x.yaml": base,
            "first/x.yaml": text("f", *first),
            "second/x.yaml": text("s", *second),
        }

    running = await served(world, **files("1", ["moved"], []))
    await said(running, **files("2", [], ["moved"]))
    first, second = lane_of(running, "first"), lane_of(running, "second")
    await turn(running, first)  # it waits for base, and claims no more what moves
    await turn(running, second)
    await said(running, **files("3", ["moved"], []))
    assert first.claims.digest != world.source.digest
    await running.turns()
    assert config_key("moved") not in world.cluster.deleted


async def turn(running, lane):
    lane.wake.clear()
    await running._turn(lane)


async def test_an_index_that_comes_late_says_nothing_of_a_revision_that_came_meanwhile():
    world = World(HastyClock())
    world.declare(path="./app")
    running = await served(world, **{"app/x.yaml": text("one")})
    lane, held, free = lane_of(running, "app"), asyncio.Event(), asyncio.Event()
    index = world.artifacts.index

    async def late(digest, index_digest):
        held.set()
        await free.wait()
        return await index(digest, index_digest)

    world.artifacts.index = late
    second = world.push(**{"app/x.yaml": text("one"), "notes.txt": "2"})
    coming = asyncio.create_task(running.look(second))
    await held.wait()
    world.artifacts.index = index
    await said(running, **{"app/x.yaml": text("one"), "notes.txt": "3"})
    free.set()
    await coming
    assert lane.claims.digest == world.source.digest


def folders(value):
    return {
        "base/base.yaml": yaml.safe_dump(config("base")),
        "app/app.yaml": yaml.safe_dump(config("app", a=value)),
    }


async def test_one_that_somebody_depends_on_goes_at_once():
    world = World()
    world.push(**folders("1"))
    world.declare(name="base", path="./base")
    world.declare(path="./app", dependsOn=[{"name": "base"}])
    process = world.start()
    for name in ("base", "app"):
        await process.settle(name)
    world.push(**folders("2"))
    process.hear()
    base, app = await process.lane("base"), await process.lane("app")
    base.due, base.expected = None, True
    ended = await process.once("app")
    assert (base.due, base.urgency, base.expected) == (0.0, Urgency.CHANGED, False)
    assert ended.delay is not None  # nobody has to hear that it waits
    assert world.condition() == ("True", "ReconciliationSucceeded")
    await process.settle("base")
    await process.settle("app")
    assert app.status["lastAppliedRevision"] == world.source.revision
