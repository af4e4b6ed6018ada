"""
What leads to the points of the kill series, whatever the workload has just done.
"""

import asyncio
import random
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.faults.kills import Killer
from tests.faults.workload import Workload, layout
from tests.faults.workload.journal import Wish


class Wishes(Workload):
    """
    A workload that nobody reads but its journal.
    """

    def __init__(self) -> None:
        super().__init__(SimpleNamespace(tokens={}), seed=1)

    async def declare(self, name, spec):
        self._wish(name, spec)

    async def dismiss(self, name):
        self._wish(name, None)

    async def _there(self, name):
        return False

    def _wish(self, name, spec):
        wishes = self.journal.wishes
        wishes.append(Wish(name=name, at=float(len(wishes)), spec=spec))


class Armed:
    """
    A service that dies when a wish comes that its point waits for.
    """

    def __init__(self, wishes, comes):
        self.wishes = wishes
        self.comes = comes
        self.killed = False

    async def arm(self, point):
        self.armed = len(self.wishes)
        return 1

    async def died(self, number, *, within):
        return any(map(self.comes, self.wishes[self.armed :]))

    async def kill(self):
        self.killed = True


def killer(workload, comes, verdicts=()):
    armed = Armed(workload.journal.wishes, comes)
    rig = SimpleNamespace(
        workload=workload,
        system=SimpleNamespace(services={"reconciler": armed}),
        oracle=SimpleNamespace(record=SimpleNamespace(verdicts={layout.GUEST: list(verdicts)})),
    )
    return Killer(rig, random.Random(1))


@pytest.fixture
def workload():
    return Wishes()


def is_new(wish):
    return wish.name == layout.GUEST and wish.spec is not None and "suspend" not in wish.spec


async def test_a_guest_that_sleeps_is_woken_and_let_go_so_that_it_can_come(workload, monkeypatch):
    monkeypatch.setattr("tests.faults.kills.HIT", 0.2)
    await workload.declare(layout.GUEST, {"suspend": True})
    found = killer(workload, is_new)
    await found.at("reconciler", "reconciler.finalizer-set#1")
    assert not found.missed
    [_, woken, gone, come] = workload.journal.wishes
    assert (woken.spec, gone.spec) == ({"suspend": False}, None)
    assert come.spec["path"] == f"./{layout.GUEST}"


async def test_a_guest_that_went_to_sleep_before_it_had_objects_is_woken(workload, monkeypatch):
    monkeypatch.setattr("tests.faults.kills.HIT", 0.2)
    await workload.declare(layout.GUEST, {"suspend": True})
    before = SimpleNamespace(applied="", gone=False)
    found = killer(workload, lambda wish: wish.spec == {"suspend": False}, [before])
    await found.at("reconciler", "reconciler.finalizer-deleted#1")
    assert not found.missed


async def test_what_all_others_need_is_woken_on_the_way_to_a_point(workload, monkeypatch):
    monkeypatch.setattr("tests.faults.kills.HIT", 0.2)
    await workload.declare(layout.BASE, {"suspend": True})
    found = killer(workload, lambda wish: wish.name == layout.BASE)
    await found.at("reconciler", "reconciler.finalizer-set#1")
    assert not found.missed


async def test_who_resumes_and_who_lets_go_do_not_come_between_each_other(workload, monkeypatch):
    slow = asyncio.Event()

    async def declare(name, spec):
        workload._unsure[name] = spec
        await slow.wait()
        workload._wish(name, spec)
        del workload._unsure[name]

    await workload.declare(layout.GUEST, {"suspend": True})
    monkeypatch.setattr(workload, "declare", declare)
    doings = [workload.resume(layout.GUEST), workload._make_sure(), workload.guest()]
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for doing in doings:
            group.create_task(doing)
        group.create_task(_turns(slow))
    assert [one.spec for one in workload.journal.wishes[1:]] == [{"suspend": False}, None]


async def _turns(event):
    for _ in range(10):
        await asyncio.sleep(0)
    event.set()


async def test_nobody_chooses_what_breaks_a_folder_by_chance(workload):
    prepared = []
    workload._prepare = lambda files, message: prepared.append(files) or f"{len(prepared):040x}"
    workload._push = lambda: None
    workload.system.git = SimpleNamespace(repo=SimpleNamespace(work=Path("/nowhere")))
    await workload.turn(readable=True)
    assert layout.REFUSED in prepared[0]
    assert layout.REFUSED not in workload.slots
    await workload.turn()
    assert prepared[1] == {layout.REFUSED: None}


async def test_of_those_that_sleep_the_first_is_woken_whatever_comes_before_it(workload):
    for name in (layout.BASE, layout.GUEST):
        await workload.declare(name, {})
    for name in (layout.GUEST, layout.BASE):
        await workload.declare(name, {"suspend": True})
    await workload.suspend()
    assert workload.journal.wishes[-1] == Wish(name=layout.GUEST, at=4.0, spec={"suspend": False})
