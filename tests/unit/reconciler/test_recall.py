"""
An edit after an apply whose receipt was lost is told as drift, by whom, and not as our change.
"""

import pytest

from tests.fakes.reconciler.storm import FAULTS, Storm
from tests.unit.reconciler.world import World, config, config_key, dies_before_its_receipts

ONE = config_key("one")
ANSWER_LOST = next(one for one in FAULTS if one.name == "answer lost")


@pytest.fixture
async def world():
    made = World()
    made.push(config("one"))
    made.declare()
    await made.start().settle()
    made.reporter.told.clear()
    return made


def drifts(world):
    return [event for event, _ in world.reporter.told if event.reason == "DriftDetected"]


def edit(world, **data):
    world.api.edit(ONE, {"data": data}, manager="kubectl-edit")


async def test_an_edit_after_a_process_died_with_its_receipts_is_told(world):
    world.push(config("one", a="2", b="2"))
    await dies_before_its_receipts(world)
    edit(world, a="9")
    await world.start().settle()
    (event,) = drifts(world)
    assert "data.a changed by kubectl-edit" in event.message
    assert world.configs()["one"] == {"a": "2", "b": "2"}
    assert not [event for event, _ in world.reporter.told if "configured" in event.message]


async def test_an_edit_after_an_apply_whose_answer_was_lost_is_told(world):
    process = world.start(Storm())
    await process.settle()
    world.push(config("one", a="2", b="2"))
    process.switch.brew(faults=[(ANSWER_LOST, "Cluster.apply", 1)])
    await process.once()
    edit(world, a="9")
    lane = await process.lane()
    lane.notice(ONE, world.api.find(ONE))
    await process.settle()
    (event,) = drifts(world)
    assert "data.a changed by kubectl-edit" in event.message
    assert world.configs()["one"] == {"a": "2", "b": "2"}


async def test_a_commit_after_an_edit_is_our_change(world):
    edit(world, a="9")
    world.push(config("one", a="2"))
    await world.start().settle()
    assert drifts(world) == []
    assert world.configs()["one"] == {"a": "2"}


async def test_a_commit_after_a_crash_and_an_edit_is_our_change(world):
    world.push(config("one", a="2"))
    await dies_before_its_receipts(world)
    edit(world, a="9")
    world.push(config("one", a="3", b="3"))
    await world.start().settle()
    assert drifts(world) == []
    assert world.configs()["one"] == {"a": "3", "b": "3"}


@pytest.mark.parametrize(
    ("mode", "left", "told"), [("enabled", "1", 1), ("warn", "9", 1), ("disabled", "1", 0)]
)
async def test_with_the_receipts_wiped_a_mode_holds_for_what_was_applied_before(
    world, mode, left, told
):
    world.declare(driftDetection={"mode": mode})
    await world.start().settle()
    world.receipts.saved.clear()
    edit(world, a="9")
    world.cluster.read.clear()
    await world.start().settle()
    assert len(drifts(world)) == told
    assert world.configs()["one"] == {"a": left}
    assert bool(world.cluster.read) == bool(told)  # whose drift nobody asks for costs no read


async def test_objects_that_nobody_else_changed_cost_no_read_though_the_receipts_are_lost(world):
    world.receipts.saved.clear()
    world.cluster.read.clear()
    await world.start().settle()
    assert world.cluster.read == []
