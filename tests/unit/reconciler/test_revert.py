"""
What is done about an object that somebody changed: look, tell, heal, or leave it and say so.
"""

import asyncio
from datetime import timedelta

import pytest
import yaml

from services.reconciler.core.drift import DriftKind
from services.reconciler.core.owner import OWNER_NAME
from services.reconciler.core.standing import DriftAction
from shared.errors import NOT_LEADER, TransientError, WaitingError
from shared.kube.errors import AdmissionDenied
from tests.unit.reconciler.working import rest
from tests.unit.reconciler.world import World, config, config_key

ONE = config_key("one")
INTERVAL = timedelta(hours=1)
UNTIL = "setpoint.dev/paused-until"


@pytest.fixture
def world():
    made = World()
    made.push(config("one"), config("two"))
    made.declare()
    return made


@pytest.fixture
async def process(world):
    started = world.start()
    await started.settle()
    world.reporter.told.clear()
    world.cluster.applied.clear()
    return started


async def look(world, process, *, certain=True):
    """Let the lane hear of the object and look at it; say whether drift was found."""
    lane = await process.lane()
    lane.marks.drifted[ONE] = certain
    return await process.revert.run(lane, [ONE], interval=INTERVAL)


def told(world):
    return [event.reason for event, _ in world.reporter.told]


async def test_a_changed_field_is_told_with_its_writer_and_healed(world, process):
    world.api.edit(ONE, {"data": {"a": "9"}}, manager="kubectl-edit")
    assert await look(world, process)
    ((event, _),) = world.reporter.told
    assert event.reason == "DriftDetected"
    assert "data.a changed by kubectl-edit; healing it" in event.message
    assert world.configs()["one"] == {"a": "1"}
    assert [event.reason for event in world.reporter.noted] == ["DriftCorrected"]
    assert (await process.lane()).marks.drifted == {}


async def test_in_a_storm_what_heals_at_once_leaves_a_change_room_however_many_lanes_there_are():
    world, names = World(), ("first", "second", "third")
    for name in names:
        world.declare(name=name, path=f"./{name}")
    world.push(
        **{
            f"{name}/x.yaml": yaml.safe_dump_all([config(f"{name}-{n}") for n in range(8)])
            for name in names
        }
    )
    process = world.start()
    lanes = []
    for name in names:
        await process.settle(name)
        lanes.append(await process.lane(name))
    get, looking, free = world.cluster.get, [], asyncio.Event()

    async def slow(key):
        looking.append(key)
        await free.wait()
        return await get(key)

    world.cluster.get = slow
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            for key in lane.inventory:
                world.api.edit(key, {"data": {"a": "9"}}, manager="kubectl-edit")
            keys = list(lane.inventory)
            group.create_task(process.revert.run(lane, keys, interval=INTERVAL))
        await rest()
        assert len(looking) == 16
        free.set()
    assert set(map(str, world.configs().values())) == {"{'a': '1'}"}


async def test_what_a_controller_writes_before_we_heal_costs_no_second_look(world, process):
    world.api.edit(ONE, {"data": {"a": "9"}}, manager="kubectl-edit")
    lane, tell = await process.lane(), world.reporter.tell

    async def tell_late(*args, **kwargs):
        world.api.edit(ONE, {"metadata": {"annotations": {"theirs": "x"}}}, manager="controller")
        lane.notice(ONE, world.api.find(ONE))
        assert ONE in lane.marks.drifted
        await tell(*args, **kwargs)

    world.reporter.tell = tell_late
    assert await look(world, process)
    assert world.configs()["one"] == {"a": "1"}
    assert lane.marks.drifted == {}


async def test_what_may_not_be_told_is_not_healed_and_stays_marked(world, process):
    world.api.edit(ONE, {"data": {"a": "9"}}, manager="kubectl-edit")

    async def elsewhere(event, *, occurrence):
        raise WaitingError("another process has the Lease", reason=NOT_LEADER)

    world.reporter.tell = elsewhere
    with pytest.raises(WaitingError):
        await look(world, process)
    assert world.configs()["one"] == {"a": "9"}
    assert world.cluster.applied == []
    assert (await process.lane()).marks.drifted == {ONE: True}


async def test_a_deleted_object_is_made_anew_and_one_put_in_its_place_too(world, process):
    world.api.delete(ONE)
    assert await look(world, process)
    assert world.configs()["one"] == {"a": "1"}
    world.api.delete(ONE)
    world.api.apply(config("one", a="9"), manager="somebody")
    assert await look(world, process)
    messages = [event.message for event, _ in world.reporter.told]
    assert "was deleted" in messages[0]
    assert "was deleted and made again by somebody" in messages[1]
    assert world.configs()["one"] == {"a": "1"}


async def test_each_occurrence_is_an_event_of_its_own_and_a_retry_is_not(world, process):
    for value in ("8", "9"):
        world.api.edit(ONE, {"data": {"a": value}})
        assert await look(world, process)
    (_, first), (_, second) = world.reporter.told
    assert first != second
    world.api.delete(ONE)
    world.api.refusals[ONE] = AdmissionDenied("no")
    assert await look(world, process)
    assert await look(world, process)
    lost = [
        occurrence for event, occurrence in world.reporter.told[2:] if "Detected" in event.reason
    ]
    assert len(lost) == 2
    assert len(set(lost)) == 1


async def test_a_lost_lease_is_no_refusal_of_what_is_to_be_healed(world, process):
    lane = await process.lane()
    world.api.edit(ONE, {"data": {"a": "9"}})
    world.api.refusals[ONE] = TransientError("the Lease is lost", reason="NotLeader")
    with pytest.raises(TransientError, match="the Lease is lost"):
        await look(world, process)
    assert world.reporter.reasons() == ["DriftDetected"]
    assert (lane.memory.refused, ONE in lane.marks.drifted) == ({}, True)
    world.api.refusals.clear()
    assert await look(world, process)
    assert world.reporter.reasons() == ["DriftDetected"]
    assert world.configs()["one"] == {"a": "1"}


async def test_an_object_that_is_as_we_left_it_is_settled_by_one_read(world, process):
    world.api.edit(ONE, {"metadata": {"annotations": {"theirs": "x"}}})
    process.switch.calls.clear()
    assert not await look(world, process, certain=False)
    assert process.switch.calls == ["Cluster.get"]
    lane = await process.lane()
    live = world.api.find(ONE)["metadata"]["resourceVersion"]
    assert lane.memory.receipts[ONE].resource_version == live


async def test_where_values_seem_to_differ_the_server_is_the_judge(world, process):
    # Admission writes the field back each time: an apply changes nothing.
    plain = world.cluster.apply

    async def admission(obj, *, dry_run=False):
        return await plain({**obj, "data": {"a": "9"}}, dry_run=dry_run)

    world.cluster.apply = admission
    lane = await process.lane()
    await process.apply.one(lane, lane.memory.desired[ONE])
    assert world.configs()["one"] == {"a": "9"}
    process.switch.calls.clear()
    assert not await look(world, process, certain=False)
    assert process.switch.calls == ["Cluster.get", "Cluster.apply"]
    assert world.reporter.told == []


async def test_ownership_alone_is_mended_without_a_word(world, process):
    live = world.api.find(ONE)
    live["metadata"]["managedFields"] = []
    world.api.store(ONE, live)
    assert not await look(world, process)
    assert world.reporter.told == []
    assert world.api.find(ONE)["metadata"]["managedFields"][0]["manager"] == "setpoint"


@pytest.mark.parametrize("label", [{"reconcile": "disabled"}, {"ssa": "Ignore"}])
async def test_an_object_that_opted_out_while_it_lives_is_left_alone(world, process, label):
    labels = {f"kustomize.toolkit.fluxcd.io/{name}": value for name, value in label.items()}
    world.api.edit(ONE, {"metadata": {"labels": labels}, "data": {"a": "9"}})
    assert not await look(world, process)
    assert (world.configs()["one"], world.reporter.told) == ({"a": "9"}, [])


async def test_warn_tells_once_for_each_writer_and_fields_and_leaves_it(world, process):
    lane = await process.lane()
    lane.redeclare(world.declare(driftDetection={"mode": "warn"}))
    world.api.edit(ONE, {"data": {"a": "9"}})
    for _ in range(3):
        await look(world, process)
    assert told(world) == ["DriftDetected"]
    assert "mode is warn" in world.reporter.told[0][0].message
    world.api.edit(ONE, {"data": {"a": "10"}})
    await look(world, process)
    assert told(world) == ["DriftDetected"]  # whoever writes all the time is told of once
    world.api.edit(ONE, {"data": {"a": "10"}, "metadata": {"labels": {OWNER_NAME: "x"}}})
    await look(world, process)
    assert told(world) == ["DriftDetected"] * 2
    held = lane.memory.standing[ONE].standing
    assert (held.action, held.report.kind) == (DriftAction.REPORT, DriftKind.CHANGED)
    assert "driftDetection.mode" in held.text
    assert world.configs()["one"] == {"a": "10"}
    world.api.edit(ONE, {"data": {"a": "1"}})
    await look(world, process)
    assert lane.memory.standing == {} or world.cluster.applied == []


async def test_standing_drift_that_went_away_is_forgotten(world, process):
    lane = await process.lane()
    lane.redeclare(world.declare(driftDetection={"mode": "warn"}))
    before = world.api.find(ONE)
    world.api.edit(ONE, {"data": {"a": "9"}})
    await look(world, process)
    assert ONE in lane.memory.standing
    world.api.store(ONE, before)
    await look(world, process)
    assert ONE not in lane.memory.standing


async def test_disabled_looks_at_nothing(world, process):
    lane = await process.lane()
    lane.redeclare(world.declare(driftDetection={"mode": "disabled"}))
    world.api.edit(ONE, {"data": {"a": "9"}})
    process.switch.calls.clear()
    assert not await look(world, process)
    assert process.switch.calls == []


async def test_a_pause_leaves_it_until_it_ends(world, process):
    pause = {"metadata": {"annotations": {UNTIL: "2026-01-01T00:10:00Z"}}}
    world.api.edit(ONE, {**pause, "data": {"a": "9"}})
    await look(world, process)
    assert told(world) == ["DriftDetected"]
    assert "paused" in world.reporter.told[0][0].message
    assert world.configs()["one"] == {"a": "9"}
    world.clock.advance(601)
    await look(world, process)
    assert world.configs()["one"] == {"a": "1"}


async def test_a_pause_that_cannot_be_read_is_no_pause_and_is_said(world, process):
    world.api.edit(ONE, {"metadata": {"annotations": {UNTIL: "soon"}}, "data": {"a": "9"}})
    await look(world, process)
    assert world.configs()["one"] == {"a": "1"}
    assert "PauseIgnored" in [event.reason for event in world.reporter.noted]


async def test_a_fight_is_told_once_and_held_back_for_an_interval(world, process):
    for number in range(6):
        world.api.edit(ONE, {"data": {"a": f"their {number}"}}, manager="other")
        await look(world, process)
        world.clock.advance(1)
    assert told(world).count("DriftFight") == 1
    fight = next(event for event, _ in world.reporter.told if event.reason == "DriftFight")
    assert "other" in fight.message
    assert "spec.ignore" in fight.message
    assert told(world).count("DriftDetected") == 4
    assert world.configs()["one"] == {"a": "their 5"}
    lane = await process.lane()
    assert lane.memory.standing[ONE].standing.action is DriftAction.BACKOFF
    world.clock.advance(INTERVAL.total_seconds())
    await look(world, process)
    assert world.configs()["one"] == {"a": "1"}


async def test_a_revert_that_is_refused_is_told_and_stays_to_be_done(world, process):
    world.api.edit(ONE, {"data": {"a": "9"}})
    world.api.refusals[ONE] = AdmissionDenied("ConfigMap/ns/one: a policy says no")
    assert await look(world, process)
    assert told(world) == ["DriftDetected", "DriftCorrectionFailed"]
    assert "a policy says no" in world.reporter.told[1][0].message
    lane = await process.lane()
    assert ONE in lane.memory.refused
    world.api.refusals.clear()
    await process.settle()
    assert world.configs()["one"] == {"a": "1"}


async def test_an_object_that_was_refused_and_never_was_there_was_not_deleted(world, process):
    world.api.delete(ONE)
    lane = await process.lane()
    del lane.memory.receipts[ONE]
    assert not await look(world, process)
    assert told(world) == []
