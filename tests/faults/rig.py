"""
System, workload and oracle together: what each scenario begins with.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.oracle import Oracle
from tests.faults.system import System, faulted
from tests.faults.workload import Workload

FIRST = 90.0  # seconds until all is Ready for the first time


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """
    A running system, who works on it, and who judges it.
    """

    system: System
    workload: Workload
    oracle: Oracle

    @asynccontextmanager
    async def wiping(self) -> AsyncIterator[None]:
        """
        Say that the bus loses what it holds while the block runs.
        """
        begin = time.time()
        yield
        self.workload.journal.wipes.append((begin, time.time()))
        self.oracle.observer.wiped()

    async def judged(self, within: float = 60.0) -> None:
        """
        Wait until the system has converged, and fail if any promise was broken.
        """
        took = await self.oracle.converged(within=within)
        print(f"converged after {took:.1f} s")
        breaches = await self.oracle.judge()
        print("".join(f"excused by a wipe: {one}\n" for one in self.oracle.excused), end="")
        shown = [line for one in breaches[:40] for line in (str(one), *self.oracle.about(one))]
        assert not breaches, "\n".join(
            [f"{len(breaches)} breaches, seed {self.workload.seed}:", *shown]
        )


@asynccontextmanager
async def rigged(folder: Path, *, seed: int | None = None, **options: Any) -> AsyncIterator[Rig]:
    """
    Start all of it and give it when it has converged for the first time.

    Args:
        folder: An empty folder.
        seed: Of the workload; drawn if None.
        options: As ``faulted`` takes them.

    """
    async with faulted(folder, **options) as system:
        workload = Workload(system, seed=seed)
        print(f"seed {workload.seed}, state in {folder}")
        async with Oracle(system, workload.journal).watching() as oracle:
            await workload.begin()
            await oracle.converged(within=FIRST)
            yield Rig(system=system, workload=workload, oracle=oracle)
