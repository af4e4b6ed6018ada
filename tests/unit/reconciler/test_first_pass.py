"""
A first pass: what it is about to do is recorded before there is a status, and by nobody forgotten.
"""

import json

import pytest
import yaml

from services.reconciler.core.first_pass import AHEAD
from services.reconciler.core.schedule import After
from services.reconciler.slots import Urgency
from shared.kube.errors import NotFound
from tests.fakes.reconciler.mortal import Switch
from tests.fakes.reconciler.ports import kustomization_key
from tests.unit.reconciler.world import World, config, config_key, survives

APP = kustomization_key("ns", "app")


@pytest.fixture
def world():
    made = World()
    made.push(config("one"), config("two"))
    made.declare()
    return made


def recorded(*names):
    return {"entries": [{"id": f"ns_{name}__ConfigMap", "v": "v1"} for name in names]}


def annotation(uid, *names):
    return json.dumps(
        {
            "uid": uid,
            "inventory": recorded(*names),
            "lastAttempted": {"sourceUID": "source-1", "sequence": 1},
            "lastAttemptedRevision": "main@sha1:0",
            "lastRenderedDigest": "sha256:0",
        }
    )


async def test_what_a_first_pass_applies_is_recorded_with_the_finalizer(world):
    process = world.start()
    assert (await process.once()).delay is None
    calls = [call for call in process.switch.calls if call.startswith("Declarations.")]
    assert calls == ["Declarations.set_finalizer", "Declarations.write_status"]


async def test_a_first_pass_that_takes_long_says_so_and_records_in_the_status(world, monkeypatch):
    monkeypatch.setattr("services.reconciler.reconcile.LONG_PASS", 2)
    process, seen = world.start(), []
    process.switch.meanwhile("Cluster.apply", lambda: seen.append(world.status()))
    await process.settle()
    assert seen[0]["inventory"] == recorded("one", "two")
    assert AHEAD not in world.declared()["metadata"].get("annotations", {})


async def died(world):
    switch = Switch()
    switch.meanwhile("Receipts.save", switch.die)
    assert not await survives(world.start(switch))
    assert world.status() == {}
    assert world.configs()


async def test_who_dies_in_it_leaves_nothing_behind_that_is_not_declared_any_more(world):
    await died(world)
    world.push(config("three"))
    await world.start().settle()
    assert (set(world.configs()), world.recorded()) == ({"three"}, {"three"})


async def test_what_died_in_it_is_deleted_with_all_that_it_made(world):
    await died(world)
    world.api.delete(APP)
    await world.start().settle()
    assert (world.configs(), world.declared()) == ({}, None)


async def test_a_process_that_is_behind_does_not_undo_a_first_pass_at_a_newer_revision():
    world = World()
    old = world.push(config("one"))
    world.declare()
    world.push(config("one"), config("two"))
    await died(world)
    world.source = old  # its watch of the sources lags
    await world.start().settle()
    assert set(world.configs()) == {"one", "two"}


async def test_a_failure_after_it_began_keeps_what_is_recorded(world):
    await died(world)
    world.push(**{"a.yaml": "a: [b"})
    await world.start().settle()
    assert world.condition() == ("False", "BuildFailed")
    assert world.status()["inventory"] == recorded("one", "two")


@pytest.mark.parametrize("stale", ["another", "begun", "inventory removed"])
async def test_an_annotation_that_does_not_speak_of_what_is_there_now_counts_for_nothing(
    world, stale
):
    await world.start().settle()
    uid = "another" if stale == "another" else world.declared()["metadata"]["uid"]
    world.declare(annotations={AHEAD: annotation(uid, "lost")})
    if stale == "another":  # restored from a backup, or copied into Git
        world.write_status(dict.fromkeys(world.status()))
    elif stale != "begun":  # as our own words advise, where nothing ever succeeded
        world.write_status({"inventory": None, "lastAppliedRevision": None})
    assert "lost" not in world.recorded()
    await world.start().settle()
    assert world.recorded() == {"one", "two"}


@pytest.mark.parametrize(
    "text",
    ["nonsense", "[]", "{}", '{"uid": "%s", "inventory": {"entries": [1]}}', '{"uid": "%s"}'],
)
async def test_an_annotation_that_cannot_be_read_stops_everything(world, text):
    uid = world.declared()["metadata"]["uid"]
    world.declare(annotations={AHEAD: text.replace("%s", uid)})
    assert (await world.start().settle()).after is After.FAILURE
    assert world.condition("Stalled") == ("True", "ReconciliationFailed")
    assert f"annotation {AHEAD} cannot be read; remove it" in world.message()
    assert world.configs() == {}


async def test_who_suspends_while_it_renders_is_heard(world):
    switch = Switch()
    process = world.start(switch)
    lane = await process.lane()

    async def suspend():
        lane.redeclare(world.declare(suspend=True))

    switch.on_its_way("Renderer.render", 1, suspend)
    await process.settle()
    assert world.configs() == {}


async def test_who_replaces_the_object_meanwhile_cannot_make_us_forget(world):
    world.push(
        **{
            "a/a.yaml": yaml.safe_dump_all([config("a1"), config("a2")]),
            "b/b.yaml": yaml.safe_dump(config("b")),
        }
    )
    world.declare(path="./a")
    switch = Switch()
    process = world.start(switch)
    lane = await process.lane()

    async def replaced():
        obj = world.declared()
        obj["spec"]["path"] = "./b"
        for name in ("annotations", "finalizers"):
            obj["metadata"].pop(name)
        world.api.store(APP, obj)
        lane.redeclare(world.declared())

    switch.on_its_way("Cluster.apply", 1, replaced, back=True)
    await process.settle()
    assert (set(world.configs()), world.recorded()) == ({"b"}, {"b"})


async def test_health_that_comes_while_the_next_pass_waits_does_not_end_the_record():
    world = World()
    checks = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "namespace": "ns"}]

    def push(value, *names):
        app = {f"app/{name}.yaml": yaml.safe_dump(config(name)) for name in names}
        world.push(**{"base/b.yaml": yaml.safe_dump(config("base", a=value))}, **app)

    push("1", "web", "old")
    world.declare(name="base", path="./base")
    world.declare(path="./app", dependsOn=[{"name": "base"}], healthChecks=checks)
    process = world.start()
    await process.settle("base")
    await process.once()
    assert world.status() == {}  # health is awaited
    push("2", "web")
    process.hear()
    (await process.lane("base")).request(Urgency.CHANGED)
    assert (await process.once()).delay is not None  # it waits for base
    world.api.apply(config("other"))
    (await process.lane()).notice_other(config_key("other"), world.api.find(config_key("other")))
    await process.follow()
    assert "old" in world.recorded()
    await process.settle("base")
    await process.settle()
    assert "old" not in world.configs()


async def test_nobody_has_to_hear_of_one_that_was_deleted_before_it_had_anything(world):
    process = world.start()

    async def gone(obj, *, present, annotations=None):
        del obj, present, annotations
        raise NotFound("Kustomization ns/app is not there")

    world.declarations.set_finalizer = gone
    ended = await process.once()
    assert (ended.after, ended.delay) == (After.FAILURE, 1.0)
    assert (world.reporter.told, world.configs()) == ([], {})
