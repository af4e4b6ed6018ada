"""
What an attack may cost: memory of a process, and time in which the event loop answers nobody.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

MIB = 1024  # KiB, in which the kernel counts
GROWTH = 256  # MiB that an attack may cost a service beyond what it takes idle
# Seconds without a turn. The promise is 50 ms of our own work; two busy cores add theirs.
STALL = 0.25
_TICK = 0.005  # seconds


def resident(pid: int) -> int:
    """
    Return the MiB that the kernel counts for a process.
    """
    return _status(pid, "VmRSS")


def peak(pid: int) -> int:
    """
    Return the most MiB that a process ever had.
    """
    return _status(pid, "VmHWM")


def _status(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) // MIB
    raise AssertionError(f"no {field} of process {pid}")


@dataclass
class Turns:
    """
    The longest time between two turns of this loop.
    """

    longest: float = 0.0


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[Turns]:
    """
    Measure this loop while the block runs.
    """
    found = Turns()

    async def tick() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            found.longest = max(found.longest, now - last - _TICK)
            last = now

    task = asyncio.create_task(tick())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
