"""
What an attack may cost: memory of a process, and time in which the event loop answers nobody.
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
MIB = 1024  # KiB, in which the kernel counts
GROWTH = 256  # MiB that an attack may cost a service beyond what it takes idle
STALL = 0.05  # seconds of our work for which the loop may be held while something is refused
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


def worked(process: int, thread: int | None = None) -> float:
    """
    Return the seconds that a thread of a process, its first one, had a core.
    """
    return _scheduled(process, thread)[0] / 1e9


def queued(process: int, thread: int | None = None) -> float:
    """
    Return the seconds that it waited for a core which others had.
    """
    return _scheduled(process, thread)[1] / 1e9


def _scheduled(process: int, thread: int | None) -> list[int]:
    text = Path(f"/proc/{process}/task/{thread or process}/schedstat").read_text()
    return [int(word) for word in text.split()]


@dataclass
class Turns:
    """
    The longest time in which this process kept this loop from its next turn.
    """

    longest: float = 0.0
    _last: tuple[float, float] = (0.0, 0.0)

    def begin(self) -> None:
        self._last = time.monotonic(), time.process_time()

    def look(self) -> None:
        """
        Judge the time since the last look, of which others' use of the cores is taken off.

        Work of another thread counts as far as the clock went on: it may hold the interpreter.
        """
        passed, worked = (
            now - last
            for now, last in zip((time.monotonic(), time.process_time()), self._last, strict=True)
        )
        self.longest = max(self.longest, min(passed - _TICK, worked))
        self.begin()


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[Turns]:
    """
    Measure this loop while the block runs.

    What this process holds already, which no service does, is kept from its collections of garbage.
    """
    found = Turns()

    async def tick() -> None:
        while True:
            await asyncio.sleep(_TICK)
            found.look()

    gc.collect()
    gc.freeze()
    found.begin()
    task = asyncio.create_task(tick())
    try:
        yield found
    finally:
        found.look()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gc.unfreeze()


class Steps:
    """
    The long steps of the loop of a service that was started with this environment.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.environment = {
            "PYTHONPATH": f"{Path(__file__).parent / 'steps'}:{ROOT}",
            "STEPS_FILE": str(file),
        }
        self._begin = time.monotonic()

    def begin(self) -> None:
        """
        Count from now on: a start may take its time.
        """
        self._begin = time.monotonic()

    def too_long(self) -> list[str]:
        """
        Return the steps that held the loop for longer than it may be held.
        """
        text = self._file.read_text(encoding="utf-8") if self._file.exists() else ""
        steps = [line.split(" ", 2) for line in text.splitlines()]
        return [
            f"{1000 * float(took):.0f} ms: {what}"
            for at, took, what in steps
            if float(at) > self._begin and float(took) > STALL
        ]
