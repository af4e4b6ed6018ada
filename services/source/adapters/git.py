"""
Git by dulwich: which commit a ref names, and the tree of that commit, packed.

Blocking, and therefore run in a worker process. No work tree is written, no program but ssh is
run, no configuration is read: objects are read from the pack that the origin sent.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from dulwich.object_format import OBJECT_FORMATS
from dulwich.object_store import (
    DiskObjectStore,
    ObjectStoreGraphWalker,
    PackBasedObjectStore,
)
from dulwich.objects import Commit, ObjectID, ShaFile, Tag
from dulwich.pack import PackData, PackInflater

from services.source.adapters.client import Talk, connect
from services.source.adapters.job import Answer, Job
from services.source.adapters.tree import read_tree
from services.source.adapters.trouble import legible
from services.source.core.reference import FAILED, HEADS, Reference
from shared.artifact import encode_index, index, pack
from shared.errors import TransientError
from shared.model import Revision

PACK_LIMIT = 256 * 1024 * 1024  # bytes that a fetch may bring; twice the unpacked artifact
_MEMORY_PACK = 8 * 1024 * 1024  # bytes; larger packs are read from disk, at half the speed
_BETWEEN_LIMIT = 16 * 1024 * 1024  # bytes; some fifty thousand commits, or the files of most pushes
_TAG_DEPTH = 5  # tags of tags; more is a joke
_SUBJECT = 1024  # characters of a commit's first line; messages cut it further


class Unpacked(dict[ObjectID, ShaFile]):
    """
    The objects of a small pack. The library's store in memory hands out copies, at twice the time.
    """

    def close(self) -> None:
        """
        Do nothing: there is no file behind it.
        """


Store = Unpacked | PackBasedObjectStore


def look(job: Job) -> tuple[Answer, bytes, bytes]:
    """
    Ask the origin for its head, and fetch and pack the tree if it is not the known one.

    Raises:
        Exception: Whatever the library raises; ``trouble.explain`` puts it into words.

    """
    visit = _Visit(job)
    try:
        with tempfile.TemporaryFile(dir=job.where) as spool:
            visit.run(spool)
            if visit.found == job.known:
                return Answer(kind="unchanged", revision=job.known), b"", b""
            return _packed(visit, spool)
    except Exception as exc:
        # What was learnt before the failure: people want to know what could not be fetched.
        exc.add_note(visit.found)
        raise


def commits_between(job: Job, old: str, spool: IO[bytes]) -> dict[str, list[str]]:
    """
    Return the commits from the head of a job back to an older one, each with its parents.

    The origin leaves trees and files out where it can, and all that comes before ``old``.

    Raises:
        Exception: Whatever the library raises; too much lies between.

    """
    talk = Talk()
    client, path = connect(job, talk)

    def wants(refs: Mapping[Any, bytes | None], depth: int | None = None) -> list[ObjectID]:
        del refs, depth
        return [ObjectID(job.head.encode())]

    def take(data: bytes) -> int:
        talk.spare(len(data))
        if spool.tell() + len(data) > _BETWEEN_LIMIT:
            raise TransientError("too much lies between the two commits to compare them")
        return spool.write(data)

    result = client.fetch_pack(
        path.encode(),
        wants,
        ObjectStoreGraphWalker([ObjectID(old.encode())], lambda _sha: []),
        take,
        ref_prefix=[Reference(**job.reference).prefix.encode()],
        filter_spec=b"tree:0",
    )
    store = _store(spool, result.object_format or "sha1", Path(job.where))
    try:
        found = (store[sha] for sha in store)
        return {
            one.id.decode(): [parent.decode() for parent in one.parents]
            for one in found
            if isinstance(one, Commit)
        }
    finally:
        store.close()


class _Visit:
    """
    One conversation with an origin: which revision, and its objects if they are not known.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.reference = Reference(**job.reference)
        self.revision = self.reference.pinned
        self.object_format = "sha1"
        self._talk = Talk()
        self._client, self._path = connect(job, self._talk)

    @property
    def found(self) -> str:
        return str(self.revision or "")

    def run(self, spool: IO[bytes]) -> None:
        prefix = self.reference.prefix
        if prefix.startswith(HEADS):
            # A branch points at a commit itself: head and fetch are one conversation.
            self._fetch(self._choose, prefix, spool, depth=1)
            return
        if self.revision is None:
            self.revision = self._resolve(self._refs(prefix))
        if self.found != self.job.known:
            self._fetch_revision(self.revision, spool)

    def _choose(self, refs: Mapping[str, str]) -> list[str]:
        self.revision = self._resolve(refs)
        return [] if self.found == self.job.known else [self.revision.hex]

    def _resolve(self, refs: Mapping[str, str]) -> Revision:
        try:
            return self.reference.resolve(refs)
        except TransientError:
            if not refs and not self._refs("refs/"):
                raise TransientError(
                    "git repository is empty; push a first commit", reason="EmptyGitRepository"
                ) from None
            raise

    def _refs(self, prefix: str) -> dict[str, str]:
        found = self._client.get_refs(self._path.encode(), ref_prefix=[prefix.encode()])
        return _texts(found.refs)

    def _fetch_revision(self, revision: Revision, spool: IO[bytes]) -> None:
        """
        Fetch the commit alone, or, where the server gives no bare commit, the history that has it.
        """
        prefix = self.reference.prefix or "HEAD"
        try:
            self._fetch(lambda _: [revision.hex], prefix, spool, depth=1)
        except Exception:
            if self.reference.pinned is None:
                raise
            spool.seek(0)
            spool.truncate()
            prefix = self.reference.fallback_ref or HEADS
            self._fetch(lambda refs: sorted(set(refs.values())), prefix, spool, depth=None)

    def _fetch(
        self,
        choose: Callable[[dict[str, str]], list[str]],
        prefix: str,
        spool: IO[bytes],
        depth: int | None,
    ) -> None:
        def wants(refs: Mapping[Any, bytes | None], depth: int | None = None) -> list[ObjectID]:
            del depth
            return [ObjectID(sha.encode()) for sha in choose(_texts(refs))]

        def take(data: bytes) -> int:
            self._talk.spare(len(data))
            if spool.tell() + len(data) > PACK_LIMIT:
                raise TransientError(
                    f"the repository sends more than {PACK_LIMIT >> 20} MiB for one revision; make "
                    "it smaller, or declare a smaller repository",
                    reason=FAILED,
                )
            return spool.write(data)

        result = self._client.fetch_pack(
            self._path.encode(),
            wants,
            ObjectStoreGraphWalker([], lambda _sha: []),
            take,
            depth=depth,
            ref_prefix=[prefix.encode()],
        )
        self.object_format = result.object_format or "sha1"


def _packed(visit: _Visit, spool: IO[bytes]) -> tuple[Answer, bytes, bytes]:
    revision = visit.revision
    assert revision is not None  # noqa: S101 - a visit that did not find one has raised
    with legible():
        store = _store(spool, visit.object_format, Path(visit.job.where))
        try:
            commit = _commit(store, revision)
            tree = read_tree(store, commit.tree, visit.job.ignore)
        finally:
            store.close()
    archive, entries = pack(tree), encode_index(index(tree))
    subject = commit.message.decode(errors="replace").lstrip().partition("\n")[0]
    answer = Answer(
        kind="fetched", revision=str(revision), subject=subject[:_SUBJECT], files=len(tree)
    )
    return answer, archive, entries


def _texts(refs: Mapping[Any, bytes | None]) -> dict[str, str]:
    return {
        name.decode(errors="replace"): sha.decode("ascii")
        for name, sha in refs.items()
        if sha is not None
    }


def _store(spool: IO[bytes], object_format: str, where: Path) -> Store:
    kind = OBJECT_FORMATS[object_format]
    # The id that objects in memory tell of themselves is always a short one.
    if spool.tell() <= _MEMORY_PACK and object_format == "sha1":
        return _unpacked(spool)
    (where / "objects" / "pack").mkdir(parents=True)
    store = DiskObjectStore(where / "objects", object_format=kind)
    file, commit, abort = store.add_pack()
    spool.seek(0)
    try:
        while part := spool.read(1 << 20):
            file.write(part)
    except BaseException:
        abort()
        raise
    commit()
    return store


def _unpacked(spool: IO[bytes]) -> Unpacked:
    size = spool.tell()
    spool.seek(0)
    if not size:
        return Unpacked()
    data = PackData.from_file(spool, OBJECT_FORMATS["sha1"], size)
    try:
        # By its checksum: a pack that lost its last bytes has all its objects.
        data.check()
        return Unpacked((found.id, found) for found in PackInflater.for_pack_data(data))
    finally:
        # What failed may still hold a view of the file; the spool is the caller's to close.
        with suppress(BufferError):
            data.close()


def _commit(store: Store, revision: Revision) -> Commit:
    sha = revision.hex.encode()
    for _ in range(_TAG_DEPTH):
        try:
            found = store[ObjectID(sha)]
        except KeyError:
            break
        if isinstance(found, Commit):
            return found
        if not isinstance(found, Tag):
            break
        sha = found.object[1]
    raise TransientError(
        f"commit {revision.hex} is not in the repository; push it or change spec.ref", reason=FAILED
    )
