"""
Statuses that nobody waits for: behind all other work, and paced.
"""

import asyncio
from contextlib import AsyncExitStack

from services.reconciler.declaration import Json
from services.reconciler.lane import Lane
from services.reconciler.report import Report
from services.reconciler.slots import Slots, Urgency
from shared.runtime import Clock

PACE = 0.005  # seconds between two of them: 200 a second


class Unhurried:
    """
    The line in which such statuses wait for their turn.
    """

    def __init__(self, report: Report, slots: Slots, *, clock: Clock) -> None:
        self._report = report
        self._slots = slots
        self._clock = clock
        self._next = 0.0  # monotonic seconds

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
            now = self._clock.monotonic()
            self._next = max(self._next + PACE, now)
            await self._clock.sleep(self._next - now)
            return stack.pop_all()
