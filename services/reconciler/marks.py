"""
Which objects of a lane have to be looked at, and when.

A mark is never lost: it goes when the object is looked at or applied, and comes back if that fails.
Nobody's writes keep a lane busy: what was just looked at waits, and so does what is fought over.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from services.reconciler.core.fights import PEACE, on_seen
from services.reconciler.memory import Memory
from shared.model import ObjectKey
from shared.runtime import Clock

VERIFY_EVERY = 30.0  # seconds between two looks at one object that others write all the time


class Marks:
    """
    The objects that may have drifted; ``wake`` is set when there is work or another time for it.
    """

    def __init__(self, memory: Memory, wake: asyncio.Event, *, clock: Clock) -> None:
        self._memory = memory
        self._wake = wake
        self._clock = clock
        self.drifted: dict[ObjectKey, bool] = {}  # True: certainly, False: to be verified
        self._left: set[ObjectKey] = set()
        self._later: dict[ObjectKey, float] = {}  # monotonic seconds
        self._held: set[ObjectKey] = set()  # of those: not before, whatever is seen
        self._period = 0.0  # seconds within which each object is looked at
        self._check_at = float("inf")  # monotonic seconds: when the first one has to be

    def mark(self, key: ObjectKey, *, certain: bool) -> None:
        """
        Note that an object has drifted, certainly or perhaps.
        """
        self.put_back(key, certain=certain)
        self._wake.set()

    def put_back(self, key: ObjectKey, *, certain: bool) -> None:
        """
        Mark an object again that could not be looked at or applied; nobody is woken for that.
        """
        self.drifted[key] = self.drifted.get(key, False) or certain

    def mark_in_time(self, key: ObjectKey) -> None:
        """
        Note that an object may have drifted, but not too soon after the last look at it.
        """
        now, last = self._clock.monotonic(), self._memory.verified.get(key)
        if last is None or now - last >= VERIFY_EVERY:
            self.mark(key, certain=key in self._memory.standing)
        elif key not in self._later:
            self._later[key] = last + VERIFY_EVERY
            self._wake.set()  # the lane may sleep for longer than that

    def held(self, key: ObjectKey, *, gone: bool) -> bool:
        """
        Say whether what was seen of an object has to wait for the end of a hold, and note it.

        In a fight over its fields, both sides miss an object that is gone.
        """
        fight = self._memory.fights.get(key, PEACE)
        if key not in self._held or not fight.on or (gone and fight.manager):
            return False
        self._memory.fights[key] = on_seen(fight, now=self._clock.now())
        return True

    def take(self, key: ObjectKey) -> bool:
        """
        Take the mark off an object that is looked at now; say whether it has drifted for certain.
        """
        self._later.pop(key, None)
        self._held.discard(key)
        return self.drifted.pop(key, False)

    @contextmanager
    def mended(self, key: ObjectKey) -> Iterator[None]:
        """
        Take the mark off an object that is applied now; it comes back if that fails.
        """
        known, certain = key in self.drifted, self.take(key)
        try:
            yield
        except BaseException:
            if known:
                self.put_back(key, certain=certain)
            raise

    def look_at(self, key: ObjectKey, when: datetime, *, held: bool) -> None:
        """
        Look at an object in a fight or a pause again then; if ``held``, no sooner.
        """
        delay = (when - self._clock.now()).total_seconds()
        self._later[key] = self._clock.monotonic() + delay
        (self._held.add if held else self._held.discard)(key)

    def look_again(self) -> None:
        """
        Mark what was left for later and what nobody read for long, where its time has come.
        """
        now = self._clock.monotonic()
        for key in [key for key, time in self._later.items() if time <= now]:
            del self._later[key]
            self._held.discard(key)
            self.drifted.setdefault(key, key in self._memory.standing)
        if self._check_at <= now:
            self._check(now)

    def look_at_standing(self) -> None:
        """
        Mark the drift that was left standing, and what nobody wanted to know before.
        """
        for key in self._memory.standing.keys() - self._held:
            self.drifted.setdefault(key, True)
        for key in self._left:
            self.drifted.setdefault(key, False)
        self._left.clear()

    def leave(self) -> None:
        """
        Take the marks off while nobody wants to know of drift.
        """
        self._left |= self.drifted.keys()
        self.drifted.clear()

    def plan_checks(self, period: float, random: Callable[[], float]) -> None:
        """
        Note when the first object has to be looked at that nobody writes.

        Each has a time of its own: passes of many lanes at once, for one revision, read nothing.
        """
        now, self._period = self._clock.monotonic(), period
        self._check_at = float("inf")
        for key in self._memory.receipts.keys() - self._held:
            # The first time is spread over the period, so that objects do not come all at once.
            seen = self._memory.verified.setdefault(key, now - period * random())
            self._check_at = min(self._check_at, seen + period)

    def _check(self, now: float) -> None:
        self._check_at = now + self._period
        for key in self._memory.receipts.keys() - self._held:
            time = self._memory.verified.get(key, now) + self._period
            if time > now:
                self._check_at = min(self._check_at, time)
            else:
                self.drifted.setdefault(key, False)

    def next_time(self) -> float:
        """
        Return when an object has to be looked at, as monotonic seconds; infinite if none has to.
        """
        times = [*self._later.values(), self._check_at]
        if self.drifted:  # what could not be looked at; everything else wakes the lane
            times.append(self._clock.monotonic() + VERIFY_EVERY)
        return min(times)
