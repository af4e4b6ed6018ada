"""
A process that starts while the newest revision cannot be rendered heals what was applied last.
"""

from contextlib import asynccontextmanager

import pytest

from services.reconciler.core.receipt import decode
from services.reconciler.slots import Urgency
from shared.errors import StalledError, TransientError
from shared.model import Digest
from tests.unit.reconciler.working import rest, working
from tests.unit.reconciler.world import (
    World,
    config,
    config_key,
    dies_before_its_receipts,
    survives,
)

ONE, TWO = config_key("one"), config_key("two")
BROKEN = {"broken.yaml": "kind: [ConfigMap"}


@pytest.fixture
async def world():
    made = World()
    made.push(config("one"), config("two"))
    made.declare()
    await made.start().settle()
    return made


@asynccontextmanager
async def started(world, name="app"):
    """
    Run a new process's task of the lane, until it rests.
    """
    process = world.start()
    world.reporter.told.clear()
    lane = await process.lane(name)
    async with working(world, process, lane, process.reconcile):
        yield process, lane


def told(world, reason="DriftDetected"):
    return [event.message for event, _ in world.reporter.told if event.reason == reason]


async def left_unfinished(world):
    """
    Apply another content of one object, and die before its receipt is saved.
    """
    world.clock.advance(1)
    world.push(config("one", a="2"), config("two"))
    await dies_before_its_receipts(world)


def edit(world, key=ONE, **data):
    world.api.edit(key, {"data": data}, manager="kubectl-edit")


async def test_an_edit_from_before_the_start_is_healed_and_told(world):
    world.push(config("one", a="2"), **BROKEN)
    edit(world, a="9")
    async with started(world):
        assert world.condition() == ("False", "BuildFailed")
        assert world.configs() == {"one": {"a": "1"}, "two": {"a": "1"}}
        (message,) = told(world)
        assert "data.a changed by kubectl-edit" in message


@pytest.mark.parametrize("written", [False, True], ids=["untouched", "also written by others"])
async def test_an_edit_after_the_start_is_healed(world, written):
    if written:  # so that only a look can tell that it is as it was applied
        world.api.edit(ONE, {"metadata": {"annotations": {"seen": "yes"}}}, manager="controller")
    world.push(**BROKEN)
    async with started(world) as (_, lane):
        edit(world, a="9")
        lane.notice(ONE, world.api.find(ONE))
        await rest()
        assert world.configs()["one"] == {"a": "1"}


async def test_what_was_deleted_comes_back(world):
    world.push(**BROKEN)
    world.api.delete(TWO)
    async with started(world):
        assert world.configs()["two"] == {"a": "1"}


async def test_nothing_new_is_applied_and_nothing_pruned(world):
    world.push(config("one", a="2"), config("three"), **BROKEN)
    before = world.versions()
    async with started(world):
        assert world.versions() == before
        assert world.recorded() == {"one", "two"}


async def test_a_broken_spec_is_healed_by_the_spec_that_was_applied(world):
    world.declare(path="./nowhere")
    edit(world, a="9")
    async with started(world):
        assert world.condition() == ("False", "BuildFailed")
        assert world.configs()["one"] == {"a": "1"}


async def test_drift_is_only_told_where_the_mode_says_so(world):
    world.declare(path="./nowhere", driftDetection={"mode": "warn"})
    edit(world, a="9")
    async with started(world):
        assert world.configs()["one"] == {"a": "9"}
        assert len(told(world)) == 1
        assert world.condition("Drifted") == ("True", "DriftDetected")


@pytest.mark.parametrize(
    "spec", [{"suspend": True}, {"driftDetection": {"mode": "disabled"}}], ids=str
)
async def test_who_wants_no_healing_gets_none(world, spec):
    world.declare(path="./nowhere", **spec)
    edit(world, a="9")
    async with started(world):
        assert world.configs()["one"] == {"a": "9"}


async def test_unfinished_work_is_not_undone(world):
    await left_unfinished(world)
    world.push(**BROKEN)
    async with started(world) as (_, lane):
        assert world.configs()["one"] == {"a": "2"}
        lane.notice(ONE, world.api.find(ONE), listed=True)
        await rest()
        assert world.configs()["one"] == {"a": "2"}
        edit(world, key=TWO, a="9")
        lane.notice(TWO, world.api.find(TWO))
        await rest()
        assert world.configs()["two"] == {"a": "1"}


async def test_what_unfinished_work_applied_does_not_come_back_older_when_it_is_deleted(world):
    await left_unfinished(world)
    world.api.delete(ONE)
    world.api.delete(TWO)
    world.push(**BROKEN)
    async with started(world):
        assert world.configs() == {"two": {"a": "1"}}


async def test_receipts_are_taken_back_also_where_the_last_could_not_be_saved(world):
    process = world.start()
    world.receipts.down = True
    world.push(config("one", a="2"), config("two"))
    await process.settle()
    world.receipts.down = False
    world.push(config("one"), config("two"))
    process.switch.meanwhile("Declarations.write_status", process.switch.die)
    kept = []

    async def look():
        kept.append(decode(await world.receipts.load("ns", "app")).receipts.keys())

    process.switch.on_its_way("Cluster.apply", 1, look)
    assert not await survives(process)
    assert kept == [{TWO}]


async def test_an_apply_without_an_answer_does_not_come_back_older_when_it_is_deleted(world):
    world.clock.advance(1)
    world.push(config("one", a="2"), config("two"))
    process, apply = world.start(), world.cluster.apply

    async def unanswered(obj, *, dry_run=False):
        answer = await apply(obj, dry_run=dry_run)
        if not dry_run and obj["metadata"]["name"] == "one":
            raise TransientError("no answer in time")
        return answer

    world.cluster.apply = unanswered
    process.switch.meanwhile("Declarations.write_status", process.switch.die)
    assert not await survives(process)
    world.cluster.apply = apply
    assert world.configs()["one"] == {"a": "2"}
    world.api.delete(ONE)
    world.push(**BROKEN)
    async with started(world):
        assert world.configs() == {"two": {"a": "1"}}


async def test_a_wipe_during_the_applies_brings_no_receipt_back_that_they_overtake(world):
    process = world.start()
    await process.settle()
    world.push(config("one", a="2"), config("two"))
    lane, kept = await process.lane(), []

    async def wiped():
        world.receipts.saved.clear()
        await process.report.save(lane, anew=True)
        kept.append(decode(await world.receipts.load("ns", "app")).receipts.keys())

    process.switch.on_its_way("Cluster.apply", 1, wiped)
    await process.settle()
    assert kept == [{TWO}]
    saved = decode(await world.receipts.load("ns", "app")).receipts
    assert saved.keys() == {ONE, TWO}


async def test_what_is_refused_again_and_again_saves_no_receipts_each_time(world):
    process = world.start()
    await process.settle()
    world.push(config("one", a="2"), config("two"))
    world.api.refusals[ONE] = StalledError("denied", reason="AdmissionDenied")
    await process.settle()
    before = process.switch.calls.count("Receipts.save")
    for _ in range(5):
        world.clock.advance(60)
        await process.settle()
    assert process.switch.calls.count("Receipts.save") == before


async def test_a_pass_that_applies_nothing_saves_no_receipts(world):
    before = dict(world.receipts.saved)
    world.push(config("one"), config("two"), **{"notes.txt": "of nobody"})
    process = world.start()
    await process.settle()
    assert world.receipts.saved == before
    assert process.switch.calls.count("Receipts.save") == 0


async def test_what_was_applied_by_a_pass_that_did_not_end_is_neither_undone_nor_forgotten(world):
    applied = config("one", a="2"), config("two")
    world.push(*applied)
    process = world.start()
    process.switch.meanwhile("Declarations.write_status", process.switch.die)
    assert not await survives(process)
    world.push(**BROKEN)
    edit(world, a="9")
    async with started(world) as (process, lane):
        assert world.configs()["one"] == {"a": "9"}
        world.push(*applied)
        process.hear()
        lane.request(Urgency.CHANGED)
        await rest()
        assert world.configs()["one"] == {"a": "2"}


async def test_going_back_from_unfinished_work_is_no_drift(world):
    await left_unfinished(world)
    world.push(**BROKEN)
    async with started(world) as (process, lane):
        world.api.edit(ONE, {"metadata": {"annotations": {"seen": "yes"}}}, manager="controller")
        lane.notice(ONE, world.api.find(ONE))
        world.push(config("one"), config("two"))
        process.hear()
        lane.request(Urgency.CHANGED)
        await rest()
        assert world.configs()["one"] == {"a": "1"}
        assert told(world) == []


async def test_an_edit_is_healed_where_the_receipts_are_lost_and_the_object_proves_it(world):
    world.receipts.saved.clear()
    world.push(**BROKEN)
    edit(world, a="9")
    async with started(world):
        assert world.configs()["one"] == {"a": "1"}
        (message,) = told(world)
        assert "data.a changed by kubectl-edit" in message


async def test_what_the_last_revision_deleted_does_not_come_back(world):
    world.push(config("one"))
    process = world.start()
    process.switch.meanwhile("Receipts.save", process.switch.die)
    assert not await survives(process)
    assert set(world.configs()) == {"one"}
    world.push(**BROKEN)
    async with started(world):
        assert set(world.configs()) == {"one"}


async def test_what_another_one_declares_by_now_is_left_to_it(world):
    world.push(config("one"), **BROKEN)
    world.declare("other", path="./other")
    world.write_status({"inventory": world.status()["inventory"]}, name="other")
    process = world.start()
    await process.lane("other")
    edit(world, a="9")
    lane = await process.lane()
    async with working(world, process, lane, process.reconcile):
        assert world.configs()["one"] == {"a": "9"}


async def test_the_next_revision_that_can_be_rendered_is_applied_whole(world):
    world.push(**BROKEN)
    edit(world, a="9")
    async with started(world) as (process, lane):
        world.push(config("one", a="3"), config("three"))
        process.hear()
        lane.request(Urgency.CHANGED)
        await rest()
        assert world.configs() == {"one": {"a": "3"}, "three": {"a": "1"}}
        assert world.recorded() == {"one", "three"}


async def test_what_a_pass_that_was_cut_short_had_rendered_is_applied_whole_after_a_fallback(world):
    second = config("one", a="2"), config("two", a="2"), config("three")
    world.push(*second)
    async with started_cut(world) as (process, lane):
        assert world.condition() == ("False", "BuildFailed")
        assert lane.settled
        assert world.configs() == {"one": {"a": "1"}, "two": {"a": "1"}}
        world.push(*second)
        process.hear()
        lane.request(Urgency.CHANGED)
        await rest()
        assert world.configs() == {"one": {"a": "2"}, "two": {"a": "2"}, "three": {"a": "1"}}
        assert config_key("two") not in world.cluster.deleted


@asynccontextmanager
async def started_cut(world):
    """
    Run a new process whose first pass is cut short by a revision that cannot be rendered.
    """
    process = world.start()
    lane = await process.lane()

    async def broken():
        world.push(**BROKEN)
        process.hear()

    process.switch.on_its_way("Declarations.write_status", 1, broken)
    async with working(world, process, lane, process.reconcile):
        yield process, lane


async def test_without_the_artifact_of_then_the_failure_stands_alone(world):
    first = world.source.digest
    world.push(**BROKEN)
    world.artifacts.stored.pop(Digest.parse(first))
    world.artifacts.disk.clear()
    edit(world, a="9")
    async with started(world) as (_, lane):
        assert world.condition() == ("False", "BuildFailed")
        assert not lane.settled
        assert world.configs()["one"] == {"a": "9"}


async def test_a_digest_that_somebody_else_wrote_is_not_looked_for(world):
    world.write_status({"lastRenderedDigest": "../../etc/passwd"})
    world.push(**BROKEN)
    async with started(world) as (_, lane):
        assert not lane.settled
