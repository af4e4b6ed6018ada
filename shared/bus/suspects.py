"""Messages that may have ended our process: counted across restarts."""

import json
from pathlib import Path

from shared.bus.files import keep, kept_map


class Suspects:
    """
    How often the handling of a message ended in a crash.

    A process that dies cannot count. So what is delivered again is noted before it is handled, and
    struck out when it ends in a known way. First deliveries cost nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._counts: dict[str, int] = {}
        if path is not None:
            self._counts = _read(path)

    def begin(self, key: str, attempts: int) -> int:
        """
        Note that a message is about to be handled; return how often it crashed before.
        """
        before = self._counts.get(key, 0)
        if attempts > 1:
            self._set(key, before + 1)
        return before

    def broken_off(self, key: str, attempts: int) -> None:
        """
        Note that we ended the handling of a message ourselves, which is no fault of it.
        """
        before = self._counts.get(key, 0) - 1
        if attempts > 1 and before > 0:
            self._set(key, before)
        elif attempts > 1:
            self.ended(key)

    def crashed(self, key: str) -> int:
        """
        Note that the handling failed unexpectedly; return how often it did.
        """
        count = self._counts.get(key, 0) or 1
        self._set(key, count)
        return count

    def ended(self, key: str) -> None:
        """
        Strike a message out.
        """
        if self._counts.pop(key, None) is not None:
            self._save()

    def _set(self, key: str, count: int) -> None:
        if self._counts.get(key) != count:
            self._counts[key] = count
            self._save()

    def _save(self) -> None:
        if self._path is not None:
            keep(self._path, json.dumps(self._counts).encode())


def _read(path: Path) -> dict[str, int]:
    try:
        return {str(key): int(count) for key, count in kept_map(path).items()}
    except (ValueError, TypeError, OverflowError):
        return {}
