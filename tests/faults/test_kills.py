"""
Services are killed hundreds of times under load, at random and at every named point.

Nothing is lost, nothing wrongly deleted, nothing older wins. ``FAULTS_KILLS`` and ``FAULTS_SEED``
choose another number and repeat an order.
"""

import os
import random
import time

import pytest

from tests.faults import report
from tests.faults.kills import Kill, Killer, planned
from tests.faults.oracle import Breach
from tests.faults.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")
KILLS = int(os.environ.get("FAULTS_KILLS", "300"))
SERIES = 20  # processes that end until the system may converge and is judged


@pytest.mark.timeout(2400)
async def test_hundreds_of_kills_lose_nothing_delete_nothing_and_roll_nothing_back(rig: Rig):
    rng = random.Random(int(os.environ.get("FAULTS_SEED", str(rig.workload.seed))))
    killer = Killer(rig, rng)
    breaches: list[Breach] = []
    begin = time.monotonic()
    queue = planned(KILLS, rng)
    try:
        while queue:
            breaches += await _series(rig, killer, queue)
        await killer.wiped()
        breaches += await _judged(rig, killer)
    finally:
        seconds = time.monotonic() - begin
        found = report.figures(rig, killer, seconds=seconds, breaches=len(breaches))
        print(f"\n{report.write('kills', found)}")
    assert not killer.missed, f"never came to {killer.missed}"
    assert killer.deaths >= KILLS
    assert not breaches, "\n".join(map(str, breaches[:40]))


async def _series(rig: Rig, killer: Killer, queue: list[Kill]) -> list[Breach]:
    until = killer.deaths + SERIES
    async with rig.workload.running():
        while queue and killer.deaths < until:
            await killer.kill(queue.pop())
    return await _judged(rig, killer)


async def _judged(rig: Rig, killer: Killer) -> list[Breach]:
    took = await rig.oracle.converged()
    found = await rig.oracle.judge()
    print(f"{killer.deaths} kills, converged after {took:.1f} s, {len(found)} breaches")
    print("\n".join([f"  {one}" for one in [*rig.oracle.last[:2], *found]]), flush=True)
    for one in found:
        print("\n".join(rig.oracle.about(one)), flush=True)
    return found
