"""
Hours under load with faults of all kinds in a random order: ``make soak HOURS=2.5``.

Every part is hurt and let be well again; every few minutes the system has to converge and is
judged. The figures go to ``tests/faults/report/soak.json``.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.faults import report
from tests.faults.kills import Killer
from tests.faults.oracle import Breach
from tests.faults.points import POINTS, SERVICES
from tests.faults.rig import Rig, rigged
from tests.faults.system.declared import SIGNED

ROUND = 120.0  # seconds of faults until the system may converge and is judged
OUTAGE = (1.0, 8.0)  # seconds that a part is away
EVERY = 5.0  # seconds between two faults, on average


class Faults:
    """
    One method for each kind of fault; it returns when the fault is over.
    """

    def __init__(self, rig: Rig, rng: random.Random) -> None:
        self.rig = rig
        self.rng = rng
        self.killer = Killer(rig, rng)

    async def kill(self) -> None:
        await self.rig.system.services[self.rng.choice(SERVICES)].kill()

    async def point(self) -> None:
        name = self.rng.choice([one for one in POINTS if one != "notifier.reset-told"])
        await self.killer.at(name.partition(".")[0], f"{name}#{self.rng.choice(POINTS[name])}")

    async def freeze(self) -> None:
        service = self.rig.system.services[self.rng.choice(SERVICES)]
        service.freeze()
        await self._while()
        service.thaw()

    async def bus_away(self) -> None:
        await self.rig.system.nats.stop()
        await self._while()
        await self.rig.system.nats.start()

    async def bus_silent(self) -> None:
        self.rig.system.nats.freeze()
        await self._while()
        self.rig.system.nats.thaw()

    async def api_away(self) -> None:
        await self._shut(self.rig.system.api)

    async def api_cut(self) -> None:
        self.rig.system.api.reset()

    async def git_away(self) -> None:
        await self._shut(self.rig.system.git.proxy)

    async def sinks_away(self) -> None:
        await self._shut(self.rig.system.sinks.proxy)

    async def sink_fails(self) -> None:
        self.rig.system.sinks.answers[SIGNED] = self.rng.choice((500, 429, 410))
        await self._while()
        del self.rig.system.sinks.answers[SIGNED]

    async def _shut(self, door) -> None:
        await door.refuse()
        await self._while()
        await door.listen()

    async def _while(self) -> None:
        await asyncio.sleep(self.rng.uniform(*OUTAGE))

    @property
    def kinds(self) -> list[Callable[[], Awaitable[None]]]:
        return [
            self.kill, self.kill, self.point, self.freeze, self.bus_away, self.bus_silent,
            self.api_away, self.api_cut, self.git_away, self.sinks_away, self.sink_fails,
        ]  # fmt: skip


async def soak(rig: Rig, seconds: float) -> tuple[Killer, list[Breach]]:
    """
    Hurt the system for a time; return every promise that was broken.
    """
    faults = Faults(rig, random.Random(rig.workload.seed))
    end, breaches = time.monotonic() + seconds, []
    while time.monotonic() < end:
        until = time.monotonic() + ROUND
        async with rig.workload.running():
            while time.monotonic() < until:
                await asyncio.sleep(faults.rng.uniform(0, 2 * EVERY))
                kind = faults.rng.choice(faults.kinds)
                await kind()
                rig.workload.done[f"fault {kind.__name__}"] += 1
        took = await rig.oracle.converged()
        found = await rig.oracle.judge()
        breaches += found
        left = max(0.0, end - time.monotonic()) / 60
        print(f"converged after {took:.1f} s, {len(found)} breaches, {left:.0f} minutes left")
        print("".join(f"  {one}\n" for one in found), end="", flush=True)
    return faults.killer, breaches


async def main(hours: float) -> int:
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="setpoint-soak-") as folder:
        async with rigged(Path(folder)) as rig:
            killer, breaches = await soak(rig, hours * 3600)
            seconds = time.monotonic() - begin
            found = report.figures(rig, killer, seconds=seconds, breaches=len(breaches))
    print(report.write("soak", found))
    return 1 if breaches or killer.missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(float(sys.argv[1]))))
