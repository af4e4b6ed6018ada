"""
Artifacts from the bus, with the last good ones on disk.

The disk lets healing go on while the bus and the origin are away. A file is trusted only if its
bytes have the digest that is its name.
"""

import asyncio
import stat
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from services.reconciler.core.rendering import Index
from shared.artifact import decode_index
from shared.bus import Bus
from shared.errors import SetpointError
from shared.messages import Command, Envelope
from shared.messages.subjects import command
from shared.model import Digest
from shared.runtime import Clock

PACKED_LIMIT = 64 * 1024 * 1024  # bytes; the limit of an artifact
_INDEX_LIMIT = 16 * 1024 * 1024  # bytes; 50,000 paths with their sha256 stay below
_INDEXES_KEPT = 64  # indexes in memory, about 100 bytes a file
_DISK_LIMIT = 1024 * 1024 * 1024  # bytes of artifacts on disk beside those in use
_REPUBLISH_EVERY = 10.0  # seconds between two requests about one source


class BusArtifacts:
    """
    The port ``Artifacts`` on the bus's object store.
    """

    def __init__(self, bus: Bus, folder: Path, *, cluster: str, clock: Clock) -> None:
        self._bus = bus
        self._folder = folder
        self._cluster = cluster
        self._clock = clock
        self._indexes: OrderedDict[Digest, Index] = OrderedDict()
        self._asked: dict[tuple[str, str], float] = {}
        self._used: frozenset[Digest] = frozenset()
        self._reading: dict[Digest, asyncio.Lock] = {}

    async def get(self, digest: Digest) -> bytes:
        """
        Return the packed artifact, verified.
        """
        async with self._alone(digest):
            data = await asyncio.to_thread(self._from_disk, digest)
            if data is None:
                data = await self._bus.objects.get(digest, limit=PACKED_LIMIT)
                await asyncio.to_thread(self._to_disk, digest, data)
            return data

    async def index(self, digest: Digest, index_digest: str) -> Index | None:
        """
        Return what an artifact contains, None if it cannot be had or verified.
        """
        if not index_digest:
            return self._indexes.get(digest)
        async with self._alone(digest):
            return self._indexes.get(digest) or await self._read_index(digest, index_digest)

    async def _read_index(self, digest: Digest, index_digest: str) -> Index | None:
        try:
            data = await self._bus.objects.get_index(
                digest, Digest.parse(index_digest), limit=_INDEX_LIMIT
            )
            # 50,000 paths take 0.2 s: not on the loop.
            index = await asyncio.to_thread(lambda: Index.of(decode_index(data)))
        except (SetpointError, ValueError):
            return None  # without an index everything is rendered: slower, never wrong
        self._indexes[digest] = index
        while len(self._indexes) > _INDEXES_KEPT:
            self._indexes.popitem(last=False)
        return index

    @asynccontextmanager
    async def _alone(self, digest: Digest) -> AsyncIterator[None]:
        """
        Read alone: of the many lanes that ask at once one fetches, and the others find it.
        """
        lock = self._reading.setdefault(digest, asyncio.Lock())
        async with lock:
            try:
                yield
            finally:
                if not lock._waiters:  # noqa: SLF001 - no public way
                    self._reading.pop(digest, None)

    async def republish(self, *, namespace: str, name: str, uid: str) -> None:
        """
        Ask source to publish an artifact again; at most once per source per 10 s.
        """
        now = self._clock.monotonic()
        if now - self._asked.get((namespace, name), -_REPUBLISH_EVERY) < _REPUBLISH_EVERY:
            return
        self._asked[(namespace, name)] = now
        subject = command(self._cluster, "GitRepository", namespace, name)
        wanted = Command(
            action="republish",
            kind="GitRepository",
            namespace=namespace,
            name=name,
            uid=uid,
            cause="the artifact cannot be read from the store",
        )
        try:
            await self._bus.publish(
                subject,
                Envelope(
                    id=uuid4().hex,
                    time=self._clock.now(),
                    subject=subject,
                    payload=wanted.model_dump(mode="json"),
                ),
            )
        except SetpointError:
            self._asked.pop((namespace, name), None)  # the bus is away: ask again next time

    def keep(self, digests: frozenset[Digest]) -> None:
        """
        Say which artifacts are in use; the disk may forget the others.
        """
        self._used = digests

    def _path(self, digest: Digest) -> Path:
        return self._folder / f"{digest.hex}.tar.gz"

    def _from_disk(self, digest: Digest) -> bytes | None:
        path = self._path(digest)
        try:
            # What is larger, or no file, was not written by us: it is not read to find that out.
            found = path.lstat()
            whole = stat.S_ISREG(found.st_mode) and found.st_size <= PACKED_LIMIT
            data = path.read_bytes() if whole else b""
            if data and digest.matches(data):
                return data
            path.unlink()
        except OSError:
            return None
        return None

    def _to_disk(self, digest: Digest, data: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._folder / f"{digest.hex}.part"
            part.write_bytes(data)
            part.replace(self._path(digest))
            self._trim()
        except OSError:
            return  # a full disk costs the cache, not the pass

    def _trim(self) -> None:
        used = {digest.hex for digest in self._used}
        files = sorted(self._folder.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
        total = sum(path.stat().st_size for path in files)
        for path in files:
            if total <= _DISK_LIMIT:
                return
            if path.name.removesuffix(".tar.gz") in used:
                continue
            total -= path.stat().st_size
            path.unlink(missing_ok=True)
