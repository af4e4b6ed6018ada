"""
The work of a lane: what happens next when a pass could not be finished.
"""

import asyncio
from contextlib import AsyncExitStack

import pytest

from services.reconciler.core.health import Health, Status
from services.reconciler.slots import Slots, Urgency
from services.reconciler.work import HEALED
from shared.errors import TransientError
from shared.kube.errors import Unreachable
from tests.fakes.reconciler.ports import kustomization_key
from tests.unit.reconciler.working import rest, worker, working
from tests.unit.reconciler.world import World, config, config_key


class Failing:
    """Passes that fail; during the first, something may ask for another."""

    def __init__(self, *, asked):
        self.asked, self.passes = asked, 0

    async def run(self, lane):
        self.passes += 1
        if self.asked and self.passes == 1:
            lane.request(Urgency.NOW)
        raise TransientError("the declaration changed")


@pytest.mark.parametrize(("asked", "passes"), [(False, 1), (True, 2)])
async def test_a_lane_that_was_asked_during_a_failed_pass_does_not_wait(asked, passes):
    world, reconcile = World(), Failing(asked=asked)
    world.declare()
    process = world.start()
    lane = await process.lane()
    async with working(world, process, lane, reconcile):
        assert reconcile.passes == passes
        assert lane.due == world.clock.monotonic() + 10


async def test_a_lane_without_a_change_does_not_even_begin_while_others_have_one(monkeypatch):
    monkeypatch.setattr("services.reconciler.slots.AHEAD", 30)
    world, slots = World(), Slots(2)
    world.push(config("one"))
    world.declare()
    process = world.start()
    lane = await process.lane()
    async with AsyncExitStack() as stack:
        async with slots.take(Urgency.CHANGED):
            await stack.enter_async_context(working(world, process, lane, process.reconcile, slots))
            assert not lane.settled
        await rest()
        assert lane.settled


@pytest.mark.parametrize("change", ["revision", "drift"])
async def test_what_wakes_a_lane_does_not_wait_for_a_status_that_nobody_waits_for(
    change, monkeypatch
):
    monkeypatch.setattr("services.reconciler.slots.AHEAD", 30)
    world, slots = World(), Slots(2)
    world.push(config("one"))
    world.declare()
    process = world.start()
    await process.settle()
    world.push(config("one"), **{"notes.txt": "of another path"})
    lane = await process.lane()
    process.hear()
    lane.request(Urgency.ROUTINE)
    async with AsyncExitStack() as stack:
        async with slots.take(Urgency.CHANGED):  # another lane has a change, and takes its time
            await stack.enter_async_context(working(world, process, lane, process.reconcile, slots))
            if change == "revision":
                world.push(config("one", a="2"))
                process.hear()
                lane.request(Urgency.CHANGED)
            else:
                world.api.edit(config_key("one"), {"data": {"a": "9"}})
                lane.notice(config_key("one"), world.api.find(config_key("one")))
            await rest()
            expected = {"a": "2"} if change == "revision" else {"a": "1"}
            assert world.configs()["one"] == expected
        await rest()
        world.clock.advance(1)
        await rest()
        assert world.status()["lastAppliedRevision"] == world.source.revision
        await slots.quiet()  # the turn that was given up holds no slot


@pytest.mark.parametrize("ahead", [30, 0])
async def test_a_status_that_nobody_waits_for_lets_a_change_go_first_but_not_for_ever(
    ahead, monkeypatch
):
    monkeypatch.setattr("services.reconciler.slots.AHEAD", ahead)
    world, slots = World(), Slots(2)
    world.push(config("one"))
    world.declare()
    process = world.start()
    await process.settle()
    later = world.push(config("one"), **{"notes.txt": "of another path"}).revision
    lane = await process.lane()
    process.hear()
    lane.request(Urgency.ROUTINE)
    async with AsyncExitStack() as stack:
        async with slots.take(Urgency.CHANGED):
            await stack.enter_async_context(working(world, process, lane, process.reconcile, slots))
            world.clock.advance(1)
            await rest()
            assert lane.settled
            assert (world.status()["lastAppliedRevision"] == later) is (ahead == 0)
        await rest()
        world.clock.advance(1)
        await rest()
        assert world.status()["lastAppliedRevision"] == later


OTHER = config_key("other")
CHECKS = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "namespace": "ns"}]


async def rolling(stack, slots):
    """A lane whose change is applied and whose health is awaited; the status says nothing yet."""
    world, process, lane = await begun(stack, slots, healthChecks=CHECKS)
    lane.memory.health[OTHER] = Health(Status.CURRENT)
    lane.health_moved.set()
    lane.wake.set()
    await later(world)
    assert world.condition("Healthy") == ("True", "Succeeded")
    world.push(config("one", a="2"))
    lane.memory.health[OTHER] = Health(Status.IN_PROGRESS, "rolls out")
    process.hear()
    lane.request(Urgency.CHANGED)
    await rest()
    assert world.configs()["one"] == {"a": "2"}
    assert lane.untold is not None
    return world, process, lane


async def calm(slots):
    task = asyncio.create_task(slots.calm(unless=asyncio.Event()))
    await rest()
    if done := task.done():
        await task
    task.cancel()
    return done


async def test_others_let_the_end_of_a_quick_rollout_be_told_first(monkeypatch):
    monkeypatch.setattr("services.reconciler.slots.AHEAD", 30)
    slots = Slots(2)
    async with AsyncExitStack() as stack:
        world, _, lane = await rolling(stack, slots)
        assert not await calm(slots)
        lane.memory.health[OTHER] = Health(Status.CURRENT)
        lane.health_moved.set()
        lane.wake.set()
        await rest()
        assert world.status()["lastAppliedRevision"] == world.source.revision
        assert await calm(slots)


@pytest.mark.parametrize("end", ["lasts", "removed", "fails", "overtaken"])
async def test_others_do_not_wait_for_a_rollout_that_nothing_will_be_told_of_soon(end, monkeypatch):
    monkeypatch.setattr("services.reconciler.slots.AHEAD", 30)
    slots = Slots(2)
    async with AsyncExitStack() as stack:
        world, process, lane = await rolling(stack, slots)
        match end:
            case "lasts":
                world.clock.advance(1)
            case "removed":
                process.lanes.remove(lane)
            case "overtaken":
                newer = {"sourceUID": "source-1", "sequence": world.source.sequence + 1}
                lane.redeclare(world.write_status({"lastAttempted": newer}))
                world.clock.advance(1)
            case "fails":
                lane.memory.health[OTHER] = Health(Status.CURRENT)
                process.switch.meanwhile("Declarations.write_status", refused)
        lane.health_moved.set()
        lane.wake.set()
        await rest()
        assert await calm(slots)


def refused():
    raise TransientError("no room")


async def begun(stack, slots=None, **spec):
    world = World()
    world.push(config("one"), config("two"))
    world.declare(**spec)
    process = world.start()
    lane = await process.lane()
    await stack.enter_async_context(working(world, process, lane, process.reconcile, slots))
    await later(world)
    return world, process, lane


async def later(world, seconds=1):
    await rest()
    world.clock.advance(seconds)  # a status that nobody waits for is paced
    await rest()


async def edited(world, lane):
    world.api.edit(config_key("one"), {"data": {"a": "9"}}, manager="kubectl-edit")
    lane.notice(config_key("one"), world.api.find(config_key("one")))
    await later(world)


async def test_a_pass_that_its_interval_brings_is_the_one_that_was_expected():
    async with AsyncExitStack() as stack:
        _, _, lane = await begun(stack)
        lane.expected, lane.due = True, 0.0  # in line for a new revision, when its time comes
        lane.wake.set()
        await rest()
        assert (lane.expected, lane.due == 0.0) == (False, False)


@pytest.mark.parametrize("end", ["interval", "mode"])
async def test_drift_that_nobody_wants_to_know_of_is_applied_over_in_time(end):
    async with AsyncExitStack() as stack:
        world, _, lane = await begun(stack, driftDetection={"mode": "disabled"})
        await edited(world, lane)
        assert world.configs()["one"] == {"a": "9"}
        if end == "mode":
            lane.redeclare(world.declare(driftDetection={"mode": "enabled"}))
        lane.request(Urgency.ROUTINE)
        await later(world)
        assert world.configs()["one"] == {"a": "1"}


async def test_what_is_declared_again_as_it_was_is_applied_over_what_was_done_to_it_meanwhile():
    async with AsyncExitStack() as stack:
        world, process, lane = await begun(stack, prune=False)
        for declared in ([config("two")], [config("one"), config("two")]):
            world.push(*declared)
            process.hear()
            lane.request(Urgency.CHANGED)
            await later(world)
            if len(declared) == 1:
                await edited(world, lane)
        assert world.configs()["one"] == {"a": "1"}


async def test_health_that_moves_is_not_told_of_a_revision_that_another_process_has_left_behind():
    world = World()
    world.push(config("one"))
    world.declare()
    process = world.start()
    lane = await process.lane()
    async with working(world, process, lane, process.reconcile):
        world.clock.advance(1)
        await rest()
        newest = {
            "lastAttempted": {"sourceUID": "source-1", "sequence": world.source.sequence + 1},
            "lastAppliedRevision": "main@sha1:newer",
        }
        lane.redeclare(world.write_status(newest))
        lane.request(Urgency.ROUTINE)
        await rest()
        world.api.delete(config_key("one"))
        lane.notice(config_key("one"), None)
        await rest()
        world.clock.advance(1)
        await rest()
        assert world.status()["lastAppliedRevision"] == "main@sha1:newer"
        assert world.configs() == {}
        assert lane.next_time() > world.clock.monotonic()  # and it does not ask all the time


class Faulty:
    """Passes that fail by a fault of ours, whose words nobody vouches for."""

    async def run(self, lane):
        raise TypeError("canary-secret")


async def test_a_fault_of_ours_is_in_the_status_without_its_words_and_tried_again():
    world = World()
    world.push(config("one"))
    world.declare()
    process = world.start()
    await process.settle()
    lane = await process.lane()
    async with working(world, process, lane, Faulty()):
        assert world.condition() == ("False", "ReconciliationFailed")
        assert "TypeError" in world.message()
        assert "canary" not in str(world.declared()) + str(world.reporter.told)
        assert lane.due == world.clock.monotonic() + 10
    assert world.configs() == {"one": {"a": "1"}}


async def test_drift_that_cannot_be_read_is_not_read_again_and_again():
    world = World()
    world.push(config("one"))
    world.declare()
    process = world.start()
    lane = await process.lane()
    reads = 0

    async def unreadable(key):
        nonlocal reads
        reads += 1
        raise Unreachable(f"{key}: the API server does not answer")

    async with working(world, process, lane, process.reconcile):
        world.clock.advance(1)  # a status that nobody waits for is paced
        await rest()
        assert world.condition() == ("True", "ReconciliationSucceeded")
        world.cluster.get = unreadable
        lane.notice(config_key("one"), None)
        await rest()
        world.clock.advance(1)
        await rest()
        # Once by itself, once in the pass that says so; then nothing for a while.
        assert world.condition() == ("False", "ReconciliationFailed")
        assert reads <= 3
        assert lane.marks.drifted == {config_key("one"): True}
        assert lane.next_time() == world.clock.monotonic() + 30


MANY = [f"c{number:02}" for number in range(2 * HEALED + 3)]


async def of_many(slots):
    """A lane with many objects at rest."""
    world = World()
    world.push(*(config(name) for name in MANY))
    world.declare()
    process = world.start()
    lane = await process.lane()
    await process.settle()
    lane.settled, lane.due = True, None
    return world, process, lane


def edit_all(world, lane):
    for name in MANY:
        key = config_key(name)
        lane.notice(key, world.api.edit(key, {"data": {"a": "9"}}, manager="kubectl-edit"))


async def test_a_change_waits_for_some_objects_to_be_healed_and_not_for_all():
    slots = Slots(1)
    world, process, lane = await of_many(slots)
    order, changes = [], []

    async def change():
        async with slots.take(Urgency.CHANGED):
            order.append("change")

    def reads(key):
        order.append(key)
        if not changes:
            changes.append(asyncio.create_task(change()))

    world.cluster.on_read = reads
    edit_all(world, lane)
    async with working(world, process, lane, process.reconcile, slots):
        await rest()
        assert order.index("change") == HEALED
        assert set(map(str, world.configs().values())) == {"{'a': '1'}"}
        assert lane.marks.drifted == {}


async def test_of_much_drift_that_cannot_be_read_nothing_is_read_again_and_again():
    world, process, lane = await of_many(Slots(1))
    reads = []

    async def unreadable(key):
        reads.append(key)
        raise Unreachable(f"{key}: the API server does not answer")

    world.cluster.get = unreadable
    edit_all(world, lane)
    async with working(world, process, lane, process.reconcile):
        for _ in range(3):
            await rest()
            world.clock.advance(1)
        assert set(reads) == set(map(config_key, MANY))
        read = len(reads)
        assert read <= 3 * len(MANY)
        world.clock.advance(5)
        await rest()
        assert len(reads) == read
        lane.wake.set()  # as its time does
        await rest()
        assert len(reads) == read + HEALED


async def test_a_spec_that_cannot_be_read_is_said_and_what_was_applied_is_healed():
    world = World()
    world.push(config("one"))
    world.declare()
    process = world.start()
    lane = await process.lane()
    async with working(world, process, lane, process.reconcile):
        world.clock.advance(1)  # a status that nobody waits for is paced
        await rest()
        world.api.edit(kustomization_key("ns", "app"), {"spec": {"interval": "now and then"}})
        lane.redeclare(world.declared())
        lane.request(Urgency.NOW)
        await rest()
        assert world.condition() == ("False", "ReconciliationFailed")
        assert "interval" in world.message()
        assert lane.due == world.clock.monotonic() + 600
        world.api.delete(config_key("one"))
        lane.notice(config_key("one"), None)
        await rest()
        assert world.configs() == {"one": {"a": "1"}}


async def test_a_status_that_could_not_be_written_is_shown_to_nobody_afterwards(monkeypatch):
    monkeypatch.setattr("services.reconciler.slots.AHEAD", 30)
    world, slots = World(), Slots(2)
    world.push(config("one"))
    world.declare()
    process = world.start()
    lane = await process.lane()
    async with working(world, process, lane, process.reconcile, slots):

        async def write_status(obj, status):
            del obj, status
            raise Unreachable("the API server does not answer")

        world.declarations.write_status = write_status
        world.push(config("one"))
        process.hear()
        async with slots.take(Urgency.CHANGED):  # another lane has a change
            lane.request(Urgency.NOW)
            await rest()
            assert lane.pending is not None
        await later(world)
        assert lane.pending is None


class Counting:
    """
    Passes, and how many objects each of them reads.
    """

    def __init__(self, world, inner):
        self.world, self.inner, self.reads = world, inner, []

    async def run(self, lane):
        before = len(self.world.cluster.read)
        ended = await self.inner.run(lane)
        self.reads.append(len(self.world.cluster.read) - before)
        return ended


async def test_what_nobody_read_for_long_is_read_by_itself_and_not_in_a_pass_for_a_revision():
    world = World()
    world.push(config("one"), config("two"))
    world.declare()
    process = world.start()
    lane = await process.lane()
    passes = Counting(world, process.reconcile)
    async with working(world, process, lane, passes):
        for number in range(3):
            world.clock.advance(2000)
            world.push(config("one"), config("two"), **{"notes.txt": f"{number}"})
            process.hear()
            lane.request(Urgency.ROUTINE)
            await rest()
            world.clock.advance(1)  # a status that nobody waits for is paced
            await rest()
        assert passes.reads == [0] * 4
        world.cluster.read.clear()
        lane.due = None
        world.clock.advance(3600)
        lane.wake.set()
        await rest()
    assert set(world.cluster.read) == {config_key("one"), config_key("two")}
    assert passes.reads == [0] * 4


async def test_a_dependency_that_becomes_ready_while_it_is_said_that_it_is_not_wakes_who_waits():
    world = World()
    world.push(config("one"))
    world.declare()
    world.declare("second", dependsOn=[{"name": "app"}])
    process = world.start()
    needed, waits = await process.lane(), await process.lane("second")
    needed.due = waits.due = None
    work = worker(world, process, process.reconcile)

    def ready():
        work._wake_dependents(needed)

    process.switch.meanwhile("Declarations.write_status", ready)
    await process.once("second")
    assert waits.due == 0.0
