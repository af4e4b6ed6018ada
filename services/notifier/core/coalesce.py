"""
At most one look per source in a while, and always one after the last call.
"""

from dataclasses import dataclass

WINDOW = 5.0  # seconds between two looks of one source that webhooks cause
_KEPT = 10_000  # sources whose last look is remembered; more are forgotten, oldest first


@dataclass(frozen=True, slots=True)
class Now:
    """
    Look at once.
    """


@dataclass(frozen=True, slots=True)
class Wait:
    """
    Look at this time, on the monotonic clock, on behalf of all who ask until then.
    """

    until: float


@dataclass(frozen=True, slots=True)
class Covered:
    """
    A look that is still to come answers this call too.
    """


class Gate:
    """
    Remembers per source when it was last made to look.
    """

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._last: dict[str, float] = {}
        self._planned: set[str] = set()

    def ask(self, key: str, now: float) -> Now | Wait | Covered:
        """
        Decide about one call.
        """
        if key in self._planned:
            return Covered()
        last = self._last.get(key)
        if last is None or now - last >= self._window:
            return Now()
        self._planned.add(key)
        return Wait(last + self._window)

    def begun(self, key: str, now: float) -> None:
        """
        Say that a look is being asked for: calls from here on need another one.
        """
        self._planned.discard(key)
        self._last.pop(key, None)
        self._last[key] = now
        while len(self._last) > _KEPT:
            del self._last[next(iter(self._last))]

    def failed(self, key: str) -> None:
        """
        Say that the look could not be asked for: the next call tries again at once.
        """
        self._last.pop(key, None)
