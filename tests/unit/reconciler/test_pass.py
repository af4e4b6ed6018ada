"""
One pass: what is written before what, and what ends it.
"""

import pytest

from services.reconciler.core.schedule import After
from shared.kube.errors import AdmissionDenied, ServerFailed, Unreachable
from shared.messages import Event
from tests.fakes.reconciler.mortal import Switch
from tests.unit.reconciler.world import Process, World, config, config_key


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
    started.switch.calls.clear()
    return started


def attempt(sequence, uid="source-1"):
    return {"lastAttempted": {"sourceUID": uid, "sequence": sequence}}


def inventory(*names):
    return {"inventory": {"entries": [{"id": f"ns_{n}__ConfigMap", "v": "v1"} for n in names]}}


async def test_the_inventory_is_written_before_the_first_apply(world):
    process, seen = world.start(), []
    process.switch.meanwhile("Cluster.apply", lambda: seen.append(world.recorded()))
    await process.settle()
    assert seen == [{"one", "two"}]


async def test_the_inventory_has_old_and_new_until_the_deletion_is_accepted(world, process):
    seen = []
    world.push(config("one"), config("three"))
    process.switch.meanwhile("Cluster.apply", lambda: seen.append(world.recorded()))
    process.switch.meanwhile("Cluster.delete", lambda: seen.append(world.recorded()))
    await process.settle()
    assert seen == [{"one", "two", "three"}] * 2
    assert world.recorded() == {"one", "three"}


async def test_a_pass_that_finds_nothing_to_change_asks_nothing_about_the_objects(world, process):
    before = world.declared()
    await process.settle()
    assert [call for call in process.switch.calls if call.startswith("Cluster.")] == []
    assert world.declared() == before


async def test_a_commit_that_concerns_nothing_here_is_one_late_status_write(world, process):
    world.push(config("one"), config("two"), readme="news")
    versions = world.versions()
    ended = await process.once()
    assert ended.later["lastAppliedRevision"] == world.source.revision
    assert not [call for call in process.switch.calls if "write_status" in call]
    assert world.versions() == versions


async def test_nothing_is_pruned_in_a_pass_with_a_refused_object(world, process):
    world.api.refusals[config_key("three")] = AdmissionDenied(
        "ConfigMap/ns/three: a policy says no"
    )
    world.push(config("one"), config("three"))
    assert (await process.settle()).after is After.FAILURE
    assert world.condition() == ("False", "ReconciliationFailed")
    assert "a policy says no" in world.message()
    assert set(world.configs()) == {"one", "two"}
    assert world.recorded() == {"one", "two", "three"}
    world.api.refusals.clear()
    await process.settle()
    assert set(world.configs()) == world.recorded() == {"one", "three"}


@pytest.mark.parametrize("commit", ["none", "elsewhere"])
async def test_an_object_that_is_never_sent_is_refused_in_the_next_pass_too(world, process, commit):
    lost = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "two"}}
    world.push(config("one"), lost)
    for _ in range(2):
        assert (await process.settle()).after is After.FAILURE
        assert world.condition() == ("False", "ReconciliationFailed")
        assert "namespace not specified" in world.message()
        assert set(world.configs()) == world.recorded() == {"one", "two"}
        if commit == "elsewhere":
            world.push(config("one"), lost, readme="news")


class Blind(Process):
    """Nobody can tell whose the first object is."""

    async def owners(self, keys):
        return {config_key("one"): Unreachable("its server does not answer")} if keys else {}


async def test_an_object_of_which_nobody_can_tell_whose_it_is_keeps_no_other_one_waiting(world):
    process = Blind(world, Switch())
    assert (await process.settle()).after is After.FAILURE
    assert set(world.configs()) == {"two"}
    assert "its server does not answer" in world.message()


async def test_an_object_that_could_not_be_deleted_stays_recorded_and_is_named(world, process):
    world.push(config("one"))

    async def refuse(*_, **__):
        raise ServerFailed("ConfigMap/ns/two: the API server is unwell")

    world.cluster.delete = refuse
    assert (await process.settle()).after is After.FAILURE
    assert world.condition() == ("False", "PruneFailed")
    assert "ConfigMap/ns/two" in world.message()
    assert world.recorded() == {"one", "two"}
    del world.cluster.delete
    await process.settle()
    assert set(world.configs()) == world.recorded() == {"one"}


async def test_a_newer_revision_replaces_the_one_under_way(world, process):
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "more"}}
    world.push(space, config("older"))

    def news():
        world.push(config("newer"))
        process.hear()

    process.switch.meanwhile("Cluster.apply", news)
    ended = await process.once()
    assert (ended.after, ended.delay) == (After.FAILURE, 0.0)
    assert "older" not in world.configs()
    assert world.cluster.deleted == []
    await process.settle()
    assert set(world.configs()) == {"newer"}


async def test_a_changed_spec_replaces_the_pass_under_way(world, process):
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "more"}}
    world.push(space, config("older"))
    lane = await process.lane()
    process.switch.meanwhile("Cluster.apply", lambda: lane.redeclare(world.declare(prune=False)))
    ended = await process.once()
    assert (ended.after, ended.delay) == (After.FAILURE, 0.0)
    assert "older" not in world.configs()


async def test_the_status_of_a_spec_that_changed_at_the_last_moment_speaks_of_the_old_one(
    world, process
):
    world.push(config("one"))
    lane = await process.lane()
    process.switch.meanwhile(
        "Cluster.delete", lambda: lane.redeclare(world.declare(path="./elsewhere"))
    )
    await process.once()
    assert world.declared()["metadata"]["generation"] == 2
    assert world.status()["observedGeneration"] == 1
    assert all(one["observedGeneration"] == 1 for one in world.status()["conditions"])


async def test_who_meets_a_newer_attempt_at_a_conflict_stops(world, process):
    world.push(config("one"), config("three"))
    process.switch.meanwhile(
        "Declarations.write_status", lambda: world.write_status(attempt(world.source.sequence + 1))
    )
    ended = await process.once()
    assert (ended.after, ended.delay) == (After.FAILURE, 0.0)
    assert world.cluster.applied.count(config_key("three")) == 0
    assert world.status()["lastAttempted"]["sequence"] == world.source.sequence + 1


@pytest.mark.parametrize(
    "other", [attempt(1), attempt(99, uid="source-0"), {"observedGeneration": 1}]
)
async def test_who_meets_an_older_or_another_word_at_a_conflict_goes_on(world, process, other):
    world.push(config("one"), config("three"))
    process.switch.meanwhile("Declarations.write_status", lambda: world.write_status(other))
    await process.settle()
    assert set(world.configs()) == {"one", "three"}
    assert world.status()["lastAttempted"] == attempt(world.source.sequence)["lastAttempted"]


async def test_a_newer_attempt_that_a_watch_brings_stops_the_pass_as_well(world, process):
    world.push(config("one"), config("three"))
    lane = await process.lane()
    newer = attempt(world.source.sequence + 1)
    process.switch.meanwhile("Cluster.delete", lambda: lane.redeclare(world.write_status(newer)))
    ended = await process.once()
    assert (ended.after, ended.delay) == (After.FAILURE, 0.0)
    assert world.status()["lastAttempted"] == newer["lastAttempted"]


@pytest.mark.parametrize("call", ["Declarations.write_status", "Cluster.apply", "Cluster.delete"])
@pytest.mark.parametrize("watched", [False, True])
async def test_what_another_process_recorded_meanwhile_stays_recorded(
    world, process, call, watched
):
    world.push(config("one"), config("three"))
    lane = await process.lane()

    def other():
        # One that still worked on an older revision; what it applied is known by this alone.
        answer = world.write_status(inventory("one", "two", "three", "late"))
        world.api.apply({**config("late"), "metadata": {**config("late")["metadata"],
                        "labels": lane.owner.labels}})  # fmt: skip
        if watched:
            lane.redeclare(answer)

    process.switch.meanwhile(call, other)
    await process.settle()
    assert set(world.configs()) == world.recorded() == {"one", "three"}


async def test_a_status_that_somebody_writes_all_the_time_ends_the_pass(world, process):
    world.push(config("one"), config("three"))
    count = iter(range(100))

    def again():
        world.write_status({"observedGeneration": next(count)})
        process.switch.meanwhile("Declarations.write_status", again)

    again()
    ended = await process.once()
    assert (ended.after, ended.delay) == (After.FAILURE, 0.0)
    assert next(count) < 10


async def test_one_that_was_deleted_meanwhile_is_not_written(world, process):
    world.push(config("one"), config("three"))

    def swap():
        held = world.declared()
        held["metadata"]["finalizers"] = []
        held["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        world.api.store(next(k for k in world.api.objects if k.name == "app"), held)
        world.declare()

    process.switch.meanwhile("Declarations.write_status", swap)
    assert (await process.once()).delay == 0.0
    assert world.status() == {}


async def test_results_are_told_before_the_status_that_records_them(world):
    process, seen = world.start(), []

    def look():
        seen.append(world.condition())
        process.switch.meanwhile("Reporter.tell", look)

    look()
    await process.settle()
    assert ("True", "ReconciliationSucceeded") not in seen
    assert world.reporter.reasons() == ["Progressing", "ReconciliationSucceeded"]


@pytest.mark.parametrize("reason", ["ReconciliationFailed", "BuildFailed"])
async def test_failures_are_told_before_the_status_that_records_them(world, process, reason):
    seen = []
    if reason == "BuildFailed":
        world.push(config("one"), broken="x", **{"b.yaml": "kind: {"})
    else:
        world.push(config("lost", "no-such-namespace"))
    process.switch.meanwhile("Reporter.tell", lambda: seen.append(world.condition()))
    await process.settle()
    assert seen[0][1] != reason
    assert world.condition() == ("False", reason)
    assert world.reporter.reasons()[-1] == reason


async def test_drift_is_told_before_it_is_healed(world, process):
    world.api.edit(config_key("one"), {"data": {"a": "9"}})
    lane = await process.lane()
    lane.notice(config_key("one"), world.api.find(config_key("one")))
    process.switch.calls.clear()
    await process.settle()
    order = [c for c in process.switch.calls if c in {"Reporter.tell", "Cluster.apply"}]
    assert order[:2] == ["Reporter.tell", "Cluster.apply"]
    (drift,) = [event for event, _ in world.reporter.told if event.reason == "DriftDetected"]
    assert isinstance(drift, Event)
    assert "data.a" in drift.message
    assert world.configs()["one"] == {"a": "1"}


async def test_the_receipts_are_saved_before_the_status(world, process):
    world.push(config("one", a="2"), config("two"))
    await process.settle()
    calls = process.switch.calls
    assert calls.index("Receipts.save") < calls.index("Declarations.write_status")


async def test_an_inventory_that_cannot_be_read_stops_everything(world, process):
    world.write_status({"inventory": {"entries": [{"id": "nonsense", "v": "v1"}]}})
    world.push(config("three"))
    assert (await process.settle()).after is After.FAILURE
    assert world.condition("Stalled") == ("True", "ReconciliationFailed")
    assert "status.inventory cannot be read" in world.message()
    assert set(world.configs()) == {"one", "two"}


async def test_who_writes_at_the_moment_of_the_finalizer_makes_no_failure(world):
    process = world.start()
    process.switch.meanwhile(
        "Declarations.set_finalizer", lambda: world.declare(annotations={"a": "b"})
    )
    ended = await process.once()
    assert (ended.after, ended.delay) == (After.FAILURE, 1.0)
    assert (world.status(), world.reporter.told) == ({}, [])
    await process.settle()
    assert world.condition() == ("True", "ReconciliationSucceeded")


async def test_a_revision_whose_record_was_answered_to_nobody_stays_recorded(world, process):
    world.push(config("one", a="2"), config("two"))
    write, lost = world.declarations.write_status, []
    applied = []

    async def deaf(obj, status):
        answer = await write(obj, status)
        applied.append(world.status().get("lastAppliedRevision"))
        if status.get("lastAppliedRevision") == world.source.revision and not lost:
            lost.append(status)
            raise Unreachable("the API server cut the connection")
        return answer

    world.declarations.write_status = deaf
    await process.settle()
    await process.settle()
    assert lost
    assert set(applied[applied.index(world.source.revision) :]) == {world.source.revision}
    assert world.condition() == ("True", "ReconciliationSucceeded")
