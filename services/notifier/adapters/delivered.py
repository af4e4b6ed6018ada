"""
The file of delivered ids: appended and synced at each delivery, rewritten when half is old.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import structlog

from services.notifier.core.dedupe import Delivered
from shared.bus.files import kept
from shared.runtime import Clock

log = structlog.get_logger()
_SLACK = 10_000  # lines beyond twice the ids that count, before the file is rewritten
_ID_LENGTH = 32  # characters of an id
_LARGEST = 64 * 1024 * 1024  # bytes; three times the lines that are ever kept


class DeliveredFile:
    """
    Remembers deliveries across restarts. If the file is lost, some may be made twice.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._ids = Delivered()
        self._lines = 0
        self._lock = asyncio.Lock()

    def open(self) -> None:
        """
        Read what an earlier process knew, and begin with a tidy file.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._ids.load(_read(self._path), self._clock.now().timestamp())
        try:
            self._rewrite()
        except OSError as exc:
            log.error("delivered ids not rewritten", error=exc.strerror)  # noqa: TRY400

    def knows(self, id_: str) -> bool:
        """
        Say whether a delivery was made.
        """
        return id_ in self._ids

    async def remember(self, id_: str) -> None:
        """
        Remember, durably, that it was; a full disk costs duplicates, not deliveries.
        """
        at = self._clock.now().timestamp()
        self._ids.add(id_, at)
        async with self._lock:
            try:
                await asyncio.to_thread(self._append, f"{id_} {at:.0f}\n")
            except OSError as exc:
                log.error("delivered id not kept", error=exc.strerror)  # noqa: TRY400

    def _append(self, line: str) -> None:
        with self._path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        self._lines += 1
        if self._lines > 2 * len(self._ids) + _SLACK:
            self._rewrite()

    def _rewrite(self) -> None:
        part = self._path.with_suffix(".part")
        with part.open("wb") as file:
            for id_, at in list(self._ids):
                file.write(f"{id_} {at:.0f}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
        self._lines = len(self._ids)


def _read(path: Path) -> Iterator[tuple[str, float]]:
    for line in kept(path, _LARGEST).decode("ascii", errors="replace").splitlines():
        # A torn line, or one that was never ours, says nothing.
        id_, _, at = line.partition(" ")
        if len(id_) == _ID_LENGTH and at.isdigit():
            yield id_, float(at)
