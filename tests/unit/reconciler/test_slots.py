import asyncio
from threading import Event, current_thread

import pytest

from services.reconciler.slots import MANY, Slots, Urgency, aside


async def _worker(slots, urgency, name, log, go):
    async with slots.take(urgency):
        log.append(name)
        await go.wait()


async def test_the_more_urgent_waiter_goes_first_and_equals_keep_their_order():
    slots, log, go = Slots(1), [], asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_worker(slots, Urgency.ROUTINE, "holder", log, go))
        await asyncio.sleep(0)
        for urgency, name in [
            (Urgency.STATUS, "status"),
            (Urgency.ROUTINE, "routine 1"),
            (Urgency.ROUTINE, "routine 2"),
            (Urgency.NOW, "now"),
        ]:
            group.create_task(_worker(slots, urgency, name, log, go))
        await asyncio.sleep(0)
        go.set()
    assert log == ["holder", "now", "routine 1", "routine 2", "status"]


async def test_a_change_gets_each_fourth_slot_while_drift_waits_for_all_of_them():
    slots, log, go = Slots(1), [], asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for name in ["now", *["now"] * 7, "changed", "changed", "routine"]:
            group.create_task(_worker(slots, Urgency[name.upper()], name, log, go))
            await asyncio.sleep(0)
        go.set()
    assert log == ["now", *["now", "now", "now", "changed"] * 2, "now", "routine"]


async def test_never_more_hold_a_slot_than_there_are():
    slots, inside, most = Slots(3), 0, 0

    async def work():
        nonlocal inside, most
        async with slots.take(Urgency.ROUTINE):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(work())
    assert most == 3


async def test_a_cancelled_waiter_does_not_take_a_slot_with_it():
    slots, log, go = Slots(1), [], asyncio.Event()
    holder = asyncio.create_task(_worker(slots, Urgency.NOW, "holder", log, go))
    await asyncio.sleep(0)
    waiter = asyncio.create_task(_worker(slots, Urgency.NOW, "cancelled", log, go))
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    go.set()
    await holder
    await asyncio.wait_for(_worker(slots, Urgency.NOW, "next", log, go), 1)
    assert log == ["holder", "next"]


async def test_work_about_many_objects_lets_the_loop_go_on_and_about_few_costs_no_thread():
    seen = Event()
    asyncio.get_running_loop().call_soon(seen.set)
    assert await aside(MANY, seen.wait, 30)
    assert await aside(MANY - 1, current_thread) is current_thread()


async def test_it_is_quiet_when_nobody_works():
    slots, log, go = Slots(2), [], asyncio.Event()
    await slots.quiet()
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(_worker(slots, Urgency.ROUTINE, number, log, go))
        await asyncio.sleep(0)
        waiting = group.create_task(slots.quiet())
        await asyncio.sleep(0)
        assert not waiting.done()
        go.set()
    assert log == [0, 1, 2]


async def test_it_is_calm_once_nobody_works_or_waits_who_was_asked_to():
    slots, log, never = Slots(1), [], asyncio.Event()
    routine, changed = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_worker(slots, Urgency.ROUTINE, "routine", log, routine))
        await asyncio.sleep(0)
        await slots.calm(unless=never)
        group.create_task(_worker(slots, Urgency.CHANGED, "changed", log, changed))
        await asyncio.sleep(0)
        waiting = group.create_task(slots.calm(unless=never))
        routine.set()
        for _ in range(5):
            await asyncio.sleep(0)
        assert log == ["routine", "changed"]
        assert not waiting.done()
        changed.set()


@pytest.mark.parametrize("end", ["woken", "late"])
async def test_who_waits_for_the_calm_waits_neither_for_ever_nor_if_something_wakes_it(
    end, monkeypatch
):
    monkeypatch.setattr("services.reconciler.slots.AHEAD", 60 if end == "woken" else 0)
    slots, woken = Slots(2), asyncio.Event()
    async with slots.take(Urgency.CHANGED), asyncio.timeout(5):
        waiting = asyncio.create_task(slots.calm(unless=woken))
        if end == "woken":
            await asyncio.sleep(0)
            woken.set()
        await waiting


async def test_a_cancelled_waiter_leaves_the_calm_behind(monkeypatch):
    monkeypatch.setattr("services.reconciler.slots.AHEAD", 60)
    slots, go = Slots(1), asyncio.Event()
    holder = asyncio.create_task(_worker(slots, Urgency.ROUTINE, "holder", [], go))
    await asyncio.sleep(0)
    waiter = asyncio.create_task(_worker(slots, Urgency.NOW, "cancelled", [], go))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    async with asyncio.timeout(5):
        await slots.calm(unless=asyncio.Event())
    go.set()
    await holder
