"""Time as a port, so that schedules can be tested without waiting."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """
    The two clocks: the wall for people, the monotonic one for deadlines.
    """

    def now(self) -> datetime:
        """
        Return the wall time in UTC.
        """

    def monotonic(self) -> float:
        """
        Return seconds that never go back.
        """

    async def sleep(self, seconds: float) -> None:
        """
        Wait.
        """


class SystemClock:
    """
    The machine's clocks.
    """

    def now(self) -> datetime:
        """
        Return the wall time in UTC.
        """
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """
        Return seconds that never go back.
        """
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """
        Wait.
        """
        await asyncio.sleep(seconds)


def rfc3339(moment: datetime) -> str:
    """
    Write a time as the API does: UTC, whole seconds, ``Z``.
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
