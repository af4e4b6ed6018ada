"""
What nobody waits for: behind all other work, and paced.

Lanes that a new revision does not touch take note of it in the order of their coming, some at a
time, and a status that only names the revision is written in its turn. Thousands of them leave the
others room.
"""

import asyncio
from contextlib import AsyncExitStack

from services.reconciler.declaration import Json
from services.reconciler.lane import Lane
from services.reconciler.report import Report
from services.reconciler.slots import Slots, Urgency
from shared.runtime import Clock

PACE = 0.02  # seconds between two of them on average: 50 a second
# So many go at once, and then none for as long: one by one each wakes the API server and us anew.
TOGETHER = 10
LATE = 0.1  # seconds that turns may make up for: a busy loop wakes each a little late


class Pace:
    """
    Turns that keep a distance from each other.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._next = 0.0  # monotonic seconds

    async def turn(self, number: int = 1) -> None:
        """
        Wait for the next turn, or until so many have passed.
        """
        now = self._clock.monotonic()
        self._next = max(self._next + number * PACE, now - LATE)
        if self._next > now:
            await self._clock.sleep(self._next - now)


class Bystanders:
    """
    The line of lanes that a new revision does not touch.

    Who stands in it is ``expected`` to work, and keeps its place when the next revision comes.
    """

    def __init__(self, slots: Slots, *, clock: Clock) -> None:
        self._slots = slots
        self._pace = Pace(clock=clock)
        self._line: dict[Lane, None] = {}
        self._some = asyncio.Event()

    def add(self, lane: Lane) -> None:
        """
        Let a lane take note in its turn.
        """
        self._line[lane] = None
        self._some.set()

    def let_go(self) -> bool:
        """
        Ask for a pass of the first in line; say whether there was one that still has to make it.
        """
        while self._line:
            lane = next(iter(self._line))
            del self._line[lane]
            if lane.expected:  # else it has begun a pass meanwhile
                lane.request(Urgency.ROUTINE)
                return True
        self._some.clear()
        return False

    async def run(self) -> None:
        """
        Let some go at a time, until cancelled.
        """
        never = asyncio.Event()
        while True:
            await self._some.wait()
            await self._slots.calm(unless=never)
            gone = sum(self.let_go() for _ in range(TOGETHER))
            if gone:
                await self._pace.turn(gone)


class Unhurried:
    """
    The line in which statuses wait for their turn.
    """

    def __init__(self, report: Report, slots: Slots, *, clock: Clock) -> None:
        self._report = report
        self._slots = slots
        self._pace = Pace(clock=clock)

    async def write(self, lane: Lane, status: Json) -> bool:
        """
        Write a status in its turn; say no, and leave it, if something wakes the lane before.
        """
        await self._slots.calm(unless=lane.wake)
        turn = asyncio.create_task(self._turn())
        woken = asyncio.create_task(lane.wake.wait())
        try:
            await asyncio.wait((turn, woken), return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                return False
            async with turn.result():
                try:
                    await self._report.save(lane)
                    await self._report.write(lane, status)
                finally:
                    lane.pending = None  # what cannot be written is nobody's state any more
            return True
        finally:
            turn.cancel()
            woken.cancel()

    async def _turn(self) -> AsyncExitStack:
        """
        Return a slot.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._slots.take(Urgency.STATUS))
            await self._pace.turn()
            return stack.pop_all()
