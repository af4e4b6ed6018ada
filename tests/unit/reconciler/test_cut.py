"""
A pass that a newer revision cuts short: what it did, and what it was about, is told by the next.
"""

import pytest
import yaml

from tests.unit.reconciler.world import World, config, config_key, dies_before_its_receipts

TWO = config_key("two")
README = {"README.txt": "of no object"}


def space(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


@pytest.fixture
async def world():
    made = World()
    made.push(space("one"), config("two"))
    made.declare()
    await made.start().settle()
    made.reporter.told.clear()
    return made


def cut(world, process, *objects):
    """
    Let a revision come that changes no object of these, while the first stage is applied.
    """

    async def newer():
        world.push(*objects, **README)
        process.hear()

    process.switch.on_its_way("Cluster.apply", 1, newer)


def told(world, reason):
    return [event.message for event, _ in world.reporter.told if event.reason == reason]


def labelled(name):
    return space(name) | {"metadata": {"name": name, "labels": {"tier": "web"}}}


async def test_what_a_pass_that_was_cut_short_applied_is_told(world):
    process = world.start()
    objects = labelled("one"), config("two", a="2")
    world.push(*objects)
    cut(world, process, *objects)
    await process.settle()
    assert world.configs()["two"] == {"a": "2"}
    (message,) = told(world, "Progressing")
    assert sorted(message.splitlines()) == [
        "ConfigMap/ns/two configured",
        "Namespace/one configured",
    ]
    assert len(told(world, "ReconciliationSucceeded")) == 1


async def test_a_revision_that_a_process_applied_before_it_died_is_told_though_a_pass_is_cut(world):
    objects = labelled("one"), config("two", a="2")
    world.push(*objects)
    await dies_before_its_receipts(world)
    process = world.start()
    cut(world, process, *objects)
    await process.settle()
    assert len(told(world, "ReconciliationSucceeded")) == 1
    await process.settle()
    assert len(told(world, "ReconciliationSucceeded")) == 1


async def test_what_a_newer_revision_declares_again_meanwhile_is_not_deleted(world):
    uid = world.api.find(TWO)["metadata"]["uid"]
    process = world.start()
    world.push(labelled("one"))
    cut(world, process, labelled("one"), config("two"))
    await process.settle()
    assert world.api.find(TWO)["metadata"]["uid"] == uid
    assert world.recorded() == {"one", "two"}


async def test_an_object_that_moves_is_applied_once_though_the_pass_that_takes_it_is_cut():
    world = World()
    for name in ("first", "second"):
        world.declare(name=name, path=f"./{name}")
    stays = config("stays")

    def folders(first, second):
        declared = {"first": first, "second": second}
        return {f"{path}/x.yaml": yaml.safe_dump_all(objs) for path, objs in declared.items()}

    world.push(**folders([space("moves"), stays], []))
    process = world.start()
    for name in ("first", "second"):
        await process.settle(name)
    moved = folders([stays], [space("moves"), config("two")])
    world.push(**moved)
    world.cluster.applied.clear()

    async def newer():
        world.push(**moved, **README)
        process.hear()

    process.switch.on_its_way("Cluster.apply", 1, newer)
    for _ in range(3):
        for name in ("first", "second"):  # each waits for what the other declares by now
            await process.once(name)
    assert [key.name for key in world.cluster.applied] == ["moves", "two"]
    assert world.recorded("second") == {"moves", "two"}
    assert world.recorded("first") == {"stays"}
