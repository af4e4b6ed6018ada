"""
Artifacts in the object store of the bus, and the last ones of each source on disk.
"""

import asyncio
import math
import os
import stat
import threading
import time
from collections.abc import Collection
from pathlib import Path

from services.source.core.checkout import Checkout
from shared.bus import ArtifactObjects
from shared.bus.files import kept
from shared.errors import TransientError
from shared.model import Digest
from shared.runtime import logs

_ARCHIVE, _INDEX = ".tar.gz", ".index"
KEPT_LIMIT = 4 * 1024 * 1024 * 1024  # bytes on disk, as many as the object store holds
_LARGEST = 64 * 1024 * 1024  # bytes; the limit of an artifact
GRACE = 60.0  # seconds on disk before a status has to name it
log = logs.get()


class BusStore:
    """
    The port ``ArtifactStore`` on JetStream's object store and a directory.
    """

    def __init__(self, objects: ArtifactObjects, folder: Path, *, grace: float = GRACE) -> None:
        self._objects = objects
        self._folder = folder
        self._grace = grace
        self._saving = threading.Lock()  # two sources may have the same content
        self._young: dict[str, float] = {}  # until when what was just put is spared, by digest
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def put(self, checkout: Checkout) -> None:
        """
        Store archive and index and read back that they are there.
        """
        self._young[checkout.digest.hex] = math.inf
        try:
            await self._put(checkout)
        finally:
            self._young[checkout.digest.hex] = time.monotonic() + self._grace

    async def _put(self, checkout: Checkout) -> None:
        # First to disk: what the status will name must survive a bus that is wiped.
        try:
            await asyncio.to_thread(self._save, checkout)
        except OSError as exc:
            raise TransientError(
                f"artifact {checkout.digest} cannot be kept in {self._folder}: {exc.strerror}; "
                "give the data directory of the source service room",
                reason="StorageOperationFailed",
            ) from exc
        ended = await asyncio.gather(
            self._objects.put(checkout.digest, checkout.archive),
            self._objects.put_index(checkout.digest, checkout.index),
            return_exceptions=True,  # no one goes on after the failure of the other
        )
        for failure in filter(None, ended):
            raise failure

    async def ensure(self, digest: Digest, *, deep: bool = False) -> bool:
        """
        Say whether the artifact is there, after putting it back from disk if it was not.
        """
        if not deep and await self._objects.exists(digest):
            return True
        kept = await asyncio.to_thread(self._load, digest)
        if kept is None:
            # Without a copy only the origin can mend what is damaged.
            return not deep and await self._objects.exists(digest)
        archive, index = kept
        await self._objects.put(digest, archive, force=deep)
        await self._objects.put_index(digest, index, force=deep)
        log.info("artifact stored again", digest=str(digest))
        return True

    async def names(self) -> list[str]:
        """
        Name everything that is stored.
        """
        return await self._objects.names()

    async def remove(self, digest: Digest) -> None:
        """
        Delete an artifact and its index.
        """
        await self._objects.delete(digest)

    async def keep(self, digests: frozenset[Digest]) -> None:
        """
        Say which artifacts are in use; the disk forgets the others, and chunks of no object go.
        """
        now = time.monotonic()
        self._young = {name: until for name, until in self._young.items() if until > now}
        wanted = {digest.hex for digest in digests} | self._young.keys()
        try:
            await asyncio.to_thread(self._forget, wanted)
        except OSError as exc:
            # A disk that turned read-only: what is not in use takes room, and no more.
            log.error("old artifacts not removed", error=exc.strerror)  # noqa: TRY400
        if orphans := await self._objects.sweep():
            log.info("chunks of no object removed", count=orphans)

    def _save(self, checkout: Checkout) -> None:
        name = checkout.digest.hex
        with self._saving:
            for suffix, data in ((_INDEX, checkout.index), (_ARCHIVE, checkout.archive)):
                path = self._folder / (name + suffix)
                part = path.with_name(path.name + ".part")
                with part.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)

    def _load(self, digest: Digest) -> tuple[bytes, bytes] | None:
        archive, index = (
            kept(self._folder / (digest.hex + suffix), _LARGEST) for suffix in (_ARCHIVE, _INDEX)
        )
        return (archive, index) if archive and index and digest.matches(archive) else None

    def _forget(self, wanted: Collection[str]) -> None:
        left = KEPT_LIMIT
        found = [(path.lstat(), path) for path in self._folder.iterdir()]
        # A folder is none of ours.
        ours = [(at, path) for at, path in found if not stat.S_ISDIR(at.st_mode)]
        for at, path in sorted(ours, key=lambda one: one[0].st_mtime, reverse=True):
            left -= at.st_size
            if path.name.partition(".")[0] not in wanted or left < 0:
                path.unlink(missing_ok=True)
