"""
A process that dies at any call of a port leaves nothing behind, deletes nothing extra, and the next
one ends where an undisturbed one ends.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tests.fakes.reconciler.mortal import Switch
from tests.fakes.reconciler.ports import kustomization_key
from tests.unit.reconciler.world import World, config, config_key, survives

MOST = 60  # calls of one case; more means that the table has lost its end


async def first_pass():
    world = World()
    world.push(config("one"), config("two"))
    world.declare()
    return world


async def running():
    world = await first_pass()
    # Others live there too; nobody may touch them.
    world.api.apply(config("strange"), manager="somebody")
    await world.start().settle()
    return world


async def new_revision():
    world = await running()
    world.push(config("one", a="2"), config("three"))
    return world


async def drifted():
    world = await running()
    world.api.edit(config_key("one"), {"data": {"a": "9"}})
    return world


async def drifted_and_new():
    world = await drifted()
    world.push(config("one", a="2"), config("three"))
    return world


async def deleted_by_hand():
    world = await running()
    world.api.delete(config_key("two"))
    return world


async def taken_over():
    world = World()
    world.api.apply(config("one", a="0"), manager="kubectl-edit")
    world.api.edit(config_key("one"), {"data": {"b": "0"}})
    world.push(config("one", a="1", b="1"))
    world.declare()
    return world


async def refused():
    world = await running()
    lost = config("lost", "no-such-namespace")
    world.push(config("one", a="2"), lost)
    return world


async def emptied():
    world = await running()
    world.push(readme="nothing")
    return world


async def ended():
    world = await running()
    world.api.delete(kustomization_key("ns", "app"))
    return world


async def replaced():
    world = World()
    world.push({**config("one"), "immutable": True})
    world.declare(force=True)
    await world.start().settle()
    world.push({**config("one", a="2"), "immutable": True})
    return world


@dataclass(frozen=True, kw_only=True)
class Case:
    make: Callable[[], Awaitable[World]]
    objects: dict[str, str]
    recorded: set[str]
    may_delete: frozenset[str] = frozenset()


STRANGE = {"strange": {"a": "1"}}
ONE, TWO, THREE = ({name: {"a": "1"}} for name in ("one", "two", "three"))
CHANGED = {"one": {"a": "2"}}
CASES = {
    "first pass": Case(make=first_pass, objects=ONE | TWO, recorded={"one", "two"}),
    "new revision": Case(
        make=new_revision,
        objects=CHANGED | THREE | STRANGE,
        recorded={"one", "three"},
        may_delete=frozenset({"two"}),
    ),
    "drift": Case(make=drifted, objects=ONE | TWO | STRANGE, recorded={"one", "two"}),
    "drift and a new revision": Case(
        make=drifted_and_new,
        objects=CHANGED | THREE | STRANGE,
        recorded={"one", "three"},
        may_delete=frozenset({"two"}),
    ),
    "deleted by hand": Case(
        make=deleted_by_hand, objects=ONE | TWO | STRANGE, recorded={"one", "two"}
    ),
    "taken over": Case(make=taken_over, objects={"one": {"a": "1", "b": "1"}}, recorded={"one"}),
    "one refused": Case(
        make=refused, objects=CHANGED | TWO | STRANGE, recorded={"one", "two", "lost"}
    ),
    "nothing rendered": Case(make=emptied, objects=ONE | TWO | STRANGE, recorded={"one", "two"}),
    "its end": Case(
        make=ended, objects=STRANGE, recorded=set(), may_delete=frozenset({"one", "two"})
    ),
    "replaced by force": Case(
        make=replaced, objects=CHANGED, recorded={"one"}, may_delete=frozenset({"one"})
    ),
}


def managed(world):
    """Return what carries our label: it must be recorded at any time, or it leaks."""
    return {
        key.name
        for key, obj in world.api.objects.items()
        if "kustomize.toolkit.fluxcd.io/name" in (obj["metadata"].get("labels") or {})
    }


def results(world, *, lost):
    """
    Return what has to be told whoever dies.

    What was done to each object is told by who did it, if he lives; drift by who has the receipts.
    """
    spared = {"Progressing"} | ({"DriftDetected"} if lost else set())
    return set(world.reporter.reasons()) - spared


@pytest.mark.parametrize(
    ("after", "lost"), [(False, False), (True, True)], ids=["before", "after, receipts lost"]
)
@pytest.mark.parametrize("name", CASES)
async def test_death_at_any_call_changes_nothing_about_the_end(name, after, lost):
    case = CASES[name]
    undisturbed = await case.make()
    await undisturbed.start().settle()
    assert (undisturbed.configs(), undisturbed.recorded()) == (case.objects, case.recorded)
    for number in range(1, MOST):
        at = f"{name}: {'after' if after else 'before'} call {number}"
        world = await case.make()
        before = set(world.configs())
        lived = await survives(world.start(Switch(at=number, after=after)))
        if world.declared():
            assert managed(world) <= world.recorded(), f"{at}: leaks"
        assert set(world.configs()) >= before - case.may_delete, f"{at}: deleted too much"
        if lost:
            world.receipts.saved.clear()
        await world.start().settle()
        assert world.configs() == case.objects, at
        assert world.recorded() == case.recorded, at
        assert {key.name for key in world.cluster.deleted} <= case.may_delete, (
            f"{at}: deleted extra"
        )
        assert world.condition() == undisturbed.condition(), at
        missing = results(undisturbed, lost=lost) - results(world, lost=lost)
        assert not missing, f"{at}: an event was lost"
        if lived:
            return
    pytest.fail(f"more than {MOST} calls")
