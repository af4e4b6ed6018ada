"""
The outbox: events that NATS has not confirmed yet, on the disk of the service.

One line per event: a checksum, then JSON. A line is accepted when it is synced. How far it was sent
is remembered in a second file, once for some lines; when all is sent, the first is emptied. A crash
between sending and remembering sends again, with the same ids.
"""

import asyncio
import json
import os
import re
import stat
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from shared.bus.files import keep, kept, sync_directory
from shared.bus.tally import RefusedNote, Tally

log = structlog.get_logger()

LIMIT = 64 * 1024 * 1024  # bytes
# Bytes of lines that are read and remembered as sent at once: some fifty events, which a crash may
# send again.
BATCH = 64 * 1024
_CHECKSUM = 8  # hex digits of crc32
_BLOCK = 64 * 1024  # bytes that are looked at together for the end of a line
# What waits for a subject that no stream takes would keep all others waiting.
_SUBJECT = re.compile(r"events(\.[^\s.*>\x00-\x1f\x7f]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    A message that waits: its bytes are an envelope.
    """

    subject: str
    id: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """
    A line of the file, from ``start`` to ``end``; no entry if it is damaged.
    """

    start: int
    end: int
    entry: Entry | None


Send = Callable[[Entry], Awaitable[None]]


class Outbox:
    """
    A bounded, durable queue for one process.
    """

    def __init__(self, path: Path, limit: int = LIMIT) -> None:
        self._path = path
        self._done_path = path.with_name(path.name + ".done")
        self._limit = limit
        self._writing = asyncio.Lock()
        self._draining = asyncio.Lock()
        self._removals = 0  # of the file by somebody else: offsets of before mean nothing now
        self.refused = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._untold = Tally(path.with_name(path.name + ".refused"))
        self._done, self._end = _recover(path, self._done_path)

    @property
    def empty(self) -> bool:
        """
        Say whether nothing waits.
        """
        return self._done >= self._end

    @property
    def size(self) -> int:
        """
        The bytes that wait.
        """
        return self._end - self._done

    async def append(self, entry: Entry) -> bool:
        """
        Take an entry; when this returns True it is on the disk. False: outbox or disk is full.
        """
        line = _line(entry)
        async with self._writing:
            self._notice_removal()
            if self._end + len(line) > self._limit:
                return False
            try:
                await _to_the_end(_append, self._path, self._end, line)
            except OSError as error:
                log.warning("outbox not written", path=str(self._path), error=error.strerror)
                return False
            self._end += len(line)
            return True

    def refuse(self, entry: Entry) -> None:
        """
        Count an entry that nobody takes: what it tells of goes on all the same.
        """
        self.refused += 1
        self._untold.add(entry.id)
        log.error("event refused", subject=entry.subject, path=str(self._path))

    @property
    def note(self) -> RefusedNote | None:
        """
        What is to be told of refused entries, if anything.
        """
        return self._untold.note

    def told(self, note: RefusedNote) -> None:
        """
        Forget what a note said; what was refused since is told by another.
        """
        self._untold.told(note)

    async def drain(self, send: Send) -> int:
        """
        Send all entries in order; return how many were.

        Whatever ``send`` raises ends it: that entry and the later ones stay.
        """
        sent = 0
        async with self._draining:
            while not self.empty and not self._notice_removal():
                sent += await self._drain_some(send)
        return sent

    async def _drain_some(self, send: Send) -> int:
        removals, last, sent = self._removals, None, 0
        lines = await asyncio.to_thread(_read_lines, self._path, self._done, self._end)
        try:
            for line in lines:
                if line.entry is not None:
                    await send(line.entry)
                    sent += 1
                last = line
        finally:
            if last is not None:
                await self._mark(last, removals)
        return sent

    def __repr__(self) -> str:
        return f"<Outbox {self._path.name} {self.size} of {self._limit} bytes wait>"

    def _notice_removal(self) -> bool:
        # Whoever removed it, or cut it short, removed what waited; what comes next must not stand
        # behind a hole.
        gone = not self.empty and _size(self._path) < self._end
        if gone:
            log.error("outbox removed", path=str(self._path), lost_bytes=self.size)
            self._done = self._end = 0
            self._removals += 1
        return gone

    async def _mark(self, last: _Line, removals: int) -> None:
        # Nothing here is synced: after a power cut some events go twice, which their ids bear.
        async with self._writing:
            if removals != self._removals:
                return
            self._done = last.end
            if not self.empty:
                with suppress(FileNotFoundError):  # removed just now, as the next look will find
                    keep(self._done_path, _done_mark(self._path, last))
                return
            try:
                _clear(self._path, self._done_path)
            except OSError as error:
                log.error("outbox not emptied", path=str(self._path), error=error.strerror)  # noqa: TRY400
            else:
                self._done = self._end = 0


def _line(entry: Entry) -> bytes:
    text = json.dumps([entry.subject, entry.id, entry.data.decode()]).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _parse(line: bytes) -> Entry | None:
    if not line.endswith(b"\n"):
        return None
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    # Whole, and yet perhaps not ours: it must neither end us nor steer the protocol.
    try:
        subject, id_, data = json.loads(text)
        sound = _SUBJECT.fullmatch(subject) and id_ and id_.isprintable()
        return Entry(subject=subject, id=id_, data=data.encode()) if sound else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _append(path: Path, end: int, line: bytes) -> None:
    new = not path.exists()
    with path.open("r+b" if not new else "w+b") as file:
        file.truncate(end)  # what an earlier attempt left half written
        file.seek(end)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_directory(path.parent)


def _read_lines(path: Path, offset: int, end: int) -> list[_Line]:
    """
    Return some lines, at least one; what begins at ``end`` or later may be half written.
    """
    found: list[_Line] = []
    last = min(end, offset + BATCH)
    with suppress(FileNotFoundError), path.open("rb") as file:  # or removed just now
        file.seek(offset)
        while offset < last and (one := file.readline(LIMIT)):
            entry = _parse(one)
            if entry is None:
                log.error("outbox line damaged", path=str(path), offset=offset)
            found.append(_Line(start=offset, end=offset + len(one), entry=entry))
            offset += len(one)
    return found


def _size(path: Path) -> int:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _clear(path: Path, done_path: Path) -> None:
    # The offset first: lines without it only go twice.
    done_path.unlink(missing_ok=True)
    os.truncate(path, 0)


def _done_mark(path: Path, last: _Line) -> bytes:
    # The checksum ties the offset to this very line: an offset that survived its file would else
    # hide lines of the next one.
    return b"%d %d %s" % (last.start, last.end, _part(path, last.start, _CHECKSUM))


def _recover(path: Path, done_path: Path) -> tuple[int, int]:
    end = _last_line(path, _size(path))  # a torn last line was never accepted
    try:
        first, second, checksum = kept(done_path).split(b" ")
        start, done = int(first), int(second)
    except ValueError:
        return 0, end
    if not 0 <= start < done <= end:
        return 0, end
    whole = _part(path, done - 1, 1) == b"\n" and _part(path, start, _CHECKSUM) == checksum
    return (done if whole else 0), end


def _last_line(path: Path, size: int) -> int:
    # Whatever lies there, it is not to fill the memory, and no line of ours is longer.
    for at in range(size, max(0, size - LIMIT), -_BLOCK):
        start = max(0, at - _BLOCK)
        found = _part(path, start, at - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
    return 0


def _part(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


async def _to_the_end(function: Callable[..., None], *args: object) -> None:
    # A thread cannot be cancelled: two of them must never write at once.
    task = asyncio.ensure_future(asyncio.to_thread(function, *args))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        raise
