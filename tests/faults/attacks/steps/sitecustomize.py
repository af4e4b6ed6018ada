"""
Writes down the long steps of the event loop of the process that finds this folder in PYTHONPATH.

A step is what the loop runs before it can run anything else. Its length is the time that its
thread had a core: other programs that are busy make it no longer.
"""

import os
import time
from asyncio.events import Handle

LONG = 0.01  # seconds; shorter ones are not written down
_FILE = os.environ["STEPS_FILE"]
_run = Handle._run


def _timed(self: Handle) -> None:
    begin = time.thread_time()
    try:
        _run(self)
    finally:
        took = time.thread_time() - begin
        if took > LONG:
            with open(_FILE, "a", encoding="utf-8") as file:  # noqa: PTH123 - before any import
                file.write(f"{time.monotonic():f} {took:f} {self!r:.200}\n")


Handle._run = _timed  # type: ignore[method-assign]
