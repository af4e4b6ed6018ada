"""
Shift the wall clock of this process by the seconds in a file; monotonic time goes on.

The file is mapped into memory, so that a test moves the clock while the process runs. Where no file
is named, nothing happens.
"""

import mmap
import os
import struct
import time
from datetime import UTC, datetime
from pathlib import Path


def _install(path: Path) -> None:
    with path.open("r+b") as file:
        held = mmap.mmap(file.fileno(), 8)
    real, real_ns = time.time, time.time_ns

    def offset() -> float:
        [seconds] = struct.unpack("d", held[:8])
        return float(seconds)

    time.time = lambda: real() + offset()
    time.time_ns = lambda: real_ns() + int(offset() * 1e9)
    from shared.runtime.clock import SystemClock

    SystemClock.now = lambda _: datetime.fromtimestamp(time.time(), UTC)  # type: ignore[method-assign]


if "FAULTS_CLOCK" in os.environ:
    _install(Path(os.environ["FAULTS_CLOCK"]))
