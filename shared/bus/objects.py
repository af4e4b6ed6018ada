"""
The artifacts: immutable bytes under their digest.

The form is JetStream's object store; reading and writing are our own. A name is never given to
other bytes, whoever reads verifies the digest, and every wait has an end. There is one writer.
"""

import asyncio
import secrets
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from shared.bus.errors import NoStream
from shared.bus.jetstream import JetStream
from shared.bus.object_meta import CHUNKS, METAS, ObjectMeta, describe, meta_subject, parse_meta
from shared.bus.reader import Reader
from shared.bus.whole import Whole, digest_of
from shared.errors import MalformedError, SetpointError, TransientError, WaitingError
from shared.messages import subjects
from shared.model import Digest

CHUNK = 512 * 1024  # bytes; the fastest with sync always
CHUNK_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 30.0  # seconds for one object
CLEAN_TIMEOUT = 2.0  # seconds for removing what a failed put left
CHUNKS_SENT = 4  # chunks under way to the server; more bring nothing
CHUNK_BATCH = 16  # chunks under way from it, 8 MiB
_STREAM = f"OBJ_{subjects.ARTIFACTS}"


class ArtifactObjects:
    """
    Store, read, list and remove artifacts and their indexes.
    """

    def __init__(self, jetstream: JetStream) -> None:
        self._jetstream = jetstream
        self._reader = Reader(jetstream.connection, _STREAM)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._writing: set[str] = set()
        self._room = asyncio.Semaphore(CHUNKS_SENT)

    async def put(self, digest: Digest, data: bytes, *, force: bool = False) -> None:
        """
        Store an artifact unless it is there; ``force`` reads all of it to know.

        Raises:
            TransientError: It is not stored; nothing of it stays visible.

        """
        await self._put(str(digest), digest, data, force=force)

    async def put_index(self, digest: Digest, data: bytes, *, force: bool = False) -> None:
        """
        Store the index of the artifact that ``digest`` names.
        """
        own = await digest_of(data)
        await self._put(_index_name(digest), own, data, force=force)

    async def get(self, digest: Digest, *, limit: int) -> bytes:
        """
        Read an artifact of at most ``limit`` bytes and verify it.

        Raises:
            WaitingError: It is not there (reason ``NotFound``).
            TransientError: It is damaged or not whole (reason ``ArtifactTorn``).
            MalformedError: It is larger than the limit.

        """
        return await self._get(str(digest), digest, limit)

    async def get_index(self, digest: Digest, index_digest: Digest, *, limit: int) -> bytes:
        """
        Read the index of an artifact and verify it against the index's own digest.
        """
        return await self._get(_index_name(digest), index_digest, limit)

    async def exists(self, digest: Digest) -> bool:
        """
        Say whether an artifact is there with all its chunks.
        """
        meta = await self._meta(str(digest))
        return meta is not None and await self._whole(meta)

    async def delete(self, digest: Digest) -> None:
        """
        Remove an artifact and its index; their chunks go with the next sweep.

        What a description calls its chunks may be another object's.
        """
        for name in (str(digest), _index_name(digest)):
            async with self._locks[name]:
                await self._purge(meta_subject(name))

    async def names(self) -> list[str]:
        """
        Return the names of all objects, indexes included.
        """
        return sorted(meta.name for meta in await self._metas())

    async def sweep(self) -> int:
        """
        Remove chunks that no object refers to; return how many objects left some.

        Only the one writer may do this: what it is writing now stays.
        """
        chunks = await self._chunk_counts(CHUNKS + ">")
        known = set(self._writing)  # before the descriptions: one of them may get its own now
        known |= {meta.nuid for meta in await self._metas()}
        orphans = [nuid for nuid in chunks if nuid not in known]
        for nuid in orphans:
            await self._purge(CHUNKS + nuid)
        return len(orphans)

    async def _put(self, name: str, digest: Digest, data: bytes, *, force: bool) -> None:
        async with self._locks[name]:
            old = await self._meta(name)
            if old is not None:
                await _check(name, digest, data)
                if await self._good(old, digest, len(data), force=force):
                    return
            nuid = secrets.token_hex(11)
            self._writing.add(nuid)
            try:
                await self._write(name, nuid, data, digest)
            except BaseException:
                await self._clean(name, nuid)
                raise
            finally:
                self._writing.discard(nuid)

    async def _good(self, meta: ObjectMeta, digest: Digest, size: int, *, force: bool) -> bool:
        if meta.size != size:
            return False
        if not force:
            return await self._whole(meta)
        try:
            await self._get(meta.name, digest, size)
        except TransientError as error:
            if error.reason != "ArtifactTorn":
                raise
            return False
        return True

    async def _write(self, name: str, nuid: str, data: bytes, digest: Digest) -> None:
        # The bytes are verified beside their way, and get their name after it.
        async with _beside(_check(name, digest, data)) as checked:
            chunks = await self._write_chunks(CHUNKS + nuid, data)
            await checked
        meta = describe(name, nuid, digest, len(data), chunks, CHUNK, datetime.now(UTC))
        await self._jetstream.publish(
            meta_subject(name),
            meta,
            within=CHUNK_TIMEOUT,
            headers={"Nats-Rollup": "sub"},
        )
        stored = await self._meta(name)
        if stored is None or stored.nuid != nuid:
            raise TransientError(f"object {name} is not there after it was stored")

    async def _write_chunks(self, subject: str, data: bytes) -> int:
        # The server syncs one chunk while the next ones are on their way. They are stored in the
        # order in which they are sent.
        sent: deque[asyncio.Task[None]] = deque()
        offsets = range(0, len(data), CHUNK)
        try:
            for at in offsets:
                if len(sent) == CHUNKS_SENT:
                    await sent.popleft()
                sent.append(asyncio.create_task(self._write_chunk(subject, data, at)))
            while sent:
                await sent.popleft()
        finally:
            for task in sent:
                task.cancel()
            await asyncio.gather(*sent, return_exceptions=True)
        return len(offsets)

    async def _write_chunk(self, subject: str, data: bytes, at: int) -> None:
        # All objects together have this room: the connection refuses what the server is slow to
        # take. Who came first goes first.
        async with self._room:
            part = data[at : at + CHUNK]
            await self._jetstream.publish(subject, part, within=CHUNK_TIMEOUT)

    async def _clean(self, name: str, nuid: str) -> None:
        # Best effort: what stays is invisible, and swept later.
        async def clean() -> None:
            meta = await self._meta(name)
            if meta is None or meta.nuid != nuid:
                await self._purge(CHUNKS + nuid)

        with suppress(SetpointError, TimeoutError):
            async with asyncio.timeout(CLEAN_TIMEOUT):
                await clean()

    async def _get(self, name: str, digest: Digest, limit: int) -> bytes:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                return await self._read(name, digest, limit)
        except TimeoutError as error:
            raise _torn(name, f"it could not be read within {READ_TIMEOUT:g} s") from error

    async def _read(self, name: str, digest: Digest, limit: int) -> bytes:
        meta = await self._meta(name)
        if meta is None:
            raise WaitingError(
                f"object {name} is not in the store; the source must store it again",
                reason="NotFound",
            )
        if meta.size > limit:
            raise MalformedError(
                f"object {name} has {meta.size} bytes, over the limit of {limit}",
                reason="ArchiveTooLarge",
            )
        whole = Whole()
        if meta.size:
            async with aclosing(self._reader.read(CHUNKS + meta.nuid, batch=CHUNK_BATCH)) as read:
                async for stored in read:
                    await whole.add(stored.data)
                    if whole.size > meta.size:
                        raise _torn(name, f"it has more than its {meta.size} bytes")
        if whole.size != meta.size:
            raise _torn(name, f"only {whole.size} of {meta.size} bytes are there")
        if await whole.digest() != digest:
            raise _torn(name, "its bytes do not have its digest")
        return whole.data

    async def _meta(self, name: str) -> ObjectMeta | None:
        try:
            stored = await self._reader.last(meta_subject(name))
        except NoStream:
            self._jetstream.missing()
            raise
        return None if stored is None else parse_meta(stored.data)

    async def _metas(self) -> list[ObjectMeta]:
        try:
            found = [parse_meta(stored.data) async for stored in self._reader.read(METAS + ">")]
        except NoStream:
            return []
        return [meta for meta in found if meta is not None]

    async def _whole(self, meta: ObjectMeta) -> bool:
        counts = await self._chunk_counts(CHUNKS + meta.nuid)
        return counts.get(meta.nuid, 0) == meta.chunks

    async def _chunk_counts(self, subject: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        while True:
            info = await self._jetstream.call(
                f"STREAM.INFO.{_STREAM}", {"subjects_filter": subject, "offset": len(counts)}
            )
            page = info["state"].get("subjects") or {}
            before = len(counts)
            counts |= {key.removeprefix(CHUNKS): int(count) for key, count in page.items()}
            if len(counts) == before or len(counts) >= int(info.get("total", 0)):
                return counts

    async def _purge(self, subject: str) -> None:
        await self._jetstream.call(f"STREAM.PURGE.{_STREAM}", {"filter": subject})


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _index_name(digest: Digest) -> str:
    return f"{digest}.index"


def _torn(name: str, what: str) -> TransientError:
    return TransientError(
        f"object {name} in the store is damaged: {what}; the source must store it again",
        reason="ArtifactTorn",
    )


async def _check(name: str, digest: Digest, data: bytes) -> None:
    if await digest_of(data) != digest:
        raise MalformedError(f"object {name}: the bytes do not have this digest")
