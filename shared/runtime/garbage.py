"""
Keep Python's collector from holding up the loop when a service holds a lot.

A full collection looks at every object that there is: with 1,000 Kustomizations for 0.3 s, each
minute, and finds nothing. What survived a long one is left out of the next ones, for an hour. A
short one leaves nothing out: what is under way at that moment would be kept, each time, if it
became garbage that only a collection finds.
"""

import gc
import time
from collections.abc import Callable, Mapping
from typing import Protocol

LONG = 0.02  # seconds; the loop may be held up for 50 ms, and the next one has more to look at
WHOLE = 3600.0  # seconds after which all is looked at again: what was left out may be garbage now
_FULL = 2  # the generation that stands for all objects


class Collector(Protocol):
    """
    What the module ``gc`` offers of this.
    """

    def freeze(self) -> None:
        """
        Leave all that there is out of collections.
        """

    def unfreeze(self) -> None:
        """
        Take it in again.
        """


class Garbage:
    """
    Hears of each collection, and says what the next ones look at.
    """

    def __init__(
        self, collector: Collector = gc, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._collector = collector
        self._now = now
        self._began = self._whole = now()

    def heard(self, phase: str, info: Mapping[str, int]) -> None:
        """
        Take note of the begin or the end of a collection, as ``gc.callbacks`` tells it.
        """
        if info["generation"] != _FULL:
            return
        now = self._now()
        if phase == "start":
            self._began = now
        elif now - self._whole > WHOLE:
            self._whole = now
            self._collector.unfreeze()
        elif now - self._began > LONG:
            self._collector.freeze()


def spare_the_loop() -> None:
    """
    Leave out what the imports left, which is never garbage, and what long collections leave.
    """
    gc.freeze()
    gc.callbacks.append(Garbage().heard)
