"""The world of the source service, in memory."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from services.source.core.checkout import Checkout, Question, Unchanged
from services.source.core.declaration import FINALIZER
from services.source.ports import Gone, Json, Notice, Seen, Snapshot
from shared.artifact import File, Tree, encode_index, index, pack
from shared.errors import SetpointError, TransientError
from shared.kube.errors import Conflict
from shared.messages import Event, RevisionAnnounced
from shared.model import Digest, Revision


def checkout(files: Mapping[str, str], hex_: str, subject: str = "Change") -> Checkout:
    tree = Tree({path: File(data=text.encode()) for path, text in files.items()})
    archive, entries = pack(tree), encode_index(index(tree))
    return Checkout(
        revision=Revision(pointer="main", algo="sha1", hex=hex_),
        subject=subject,
        files=len(tree),
        digest=Digest.of(archive),
        archive=archive,
        index_digest=Digest.of(entries),
        index=entries,
    )


class FakeOrigin:
    """An upstream whose head a test moves."""

    def __init__(self) -> None:
        self.head = checkout({"a": "1"}, "a" * 40)
        self.error: SetpointError | None = None
        self.questions: list[Question] = []
        self.during: Any = None
        self.history: list[str] = []  # commits before the head, as far as a test has any

    async def descends(self, question: Question, head: Revision) -> bool:
        del head
        return Revision.parse(question.known).hex in self.history

    async def look(self, question: Question) -> Unchanged | Checkout:
        self.questions.append(question)
        if self.during is not None:
            await self.during()
        if self.error is not None:
            raise self.error
        if question.known == str(self.head.revision):
            return Unchanged(revision=question.known)
        return self.head


class FakeStore:
    def __init__(self) -> None:
        self.stored: dict[Digest, bytes] = {}
        self.kept: dict[Digest, bytes] = {}
        self.down = False

    def _reach(self) -> None:
        if self.down:
            raise TransientError("NATS is not connected", reason="BusUnreachable")

    async def put(self, checkout: Checkout) -> None:
        self.kept[checkout.digest] = checkout.archive
        self._reach()
        self.stored[checkout.digest] = checkout.archive

    async def ensure(self, digest: Digest, *, deep: bool = False) -> bool:
        self._reach()
        if digest in self.stored and not deep:
            return True
        if digest not in self.kept:
            return False
        self.stored[digest] = self.kept[digest]
        return True

    async def names(self) -> list[str]:
        self._reach()
        return sorted(f"{digest}{end}" for digest in self.stored for end in ("", ".index"))

    async def remove(self, digest: Digest) -> None:
        self._reach()
        self.stored.pop(digest, None)

    async def keep(self, digests: frozenset[Digest]) -> None:
        self._reach()
        self.kept = {digest: data for digest, data in self.kept.items() if digest in digests}


class FakeAnnouncer:
    def __init__(self) -> None:
        self.words: dict[tuple[str, str], RevisionAnnounced] = {}
        self.said = 0
        self.down = False

    async def announce(self, revision: RevisionAnnounced) -> None:
        if self.down:
            raise TransientError("NATS is not connected", reason="BusUnreachable")
        key = (revision.namespace, revision.name)
        if self.words.get(key) != revision:
            self.words[key] = revision
            self.said += 1

    async def announced(self) -> list[tuple[str, str]]:
        return sorted(self.words)

    async def withdraw(self, namespace: str, name: str) -> None:
        self.words.pop((namespace, name), None)


class FakeDeclarations:
    """Objects with versions, generations, preconditions and a watch."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Json] = {}
        self.secrets: dict[tuple[str, str], dict[str, bytes]] = {}
        self.writes: list[Json] = []
        self._version = 0
        self._watchers: list[asyncio.Queue[Notice]] = []

    def declare(self, name: str, *, uid: str = "uid-1", **spec: Any) -> Json:
        key = ("ns", name)
        wanted = {"url": "http://example.com/r", "interval": "1m", "timeout": "60s"} | spec
        old = self.objects.get(key)
        if old is None:
            meta = {"name": name, "namespace": "ns", "uid": uid, "generation": 1}
            obj = {
                "apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "GitRepository",
                "metadata": meta,
                "spec": wanted,
                "status": {"observedGeneration": -1},
            }
        else:
            obj = copy.deepcopy(old)
            obj["spec"] = wanted
            obj["metadata"]["generation"] += 1
        return self._store(key, obj)

    def annotate(self, name: str, token: str) -> None:
        obj = copy.deepcopy(self.objects["ns", name])
        obj["metadata"].setdefault("annotations", {})["reconcile.fluxcd.io/requestedAt"] = token
        self._store(("ns", name), obj)

    def delete(self, name: str) -> None:
        obj = copy.deepcopy(self.objects["ns", name])
        if obj["metadata"].get("finalizers"):
            obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            self._store(("ns", name), obj)
        else:
            self._remove(("ns", name))

    async def watch(self) -> AsyncGenerator[Notice, None]:
        queue: asyncio.Queue[Notice] = asyncio.Queue()
        self._watchers.append(queue)
        yield Snapshot(tuple(copy.deepcopy(obj) for obj in self.objects.values()))
        while True:
            yield await queue.get()

    async def read(self, namespace: str, name: str) -> Json | None:
        return copy.deepcopy(self.objects.get((namespace, name)))

    async def write_status(self, obj: Json, patch: Json) -> Json:
        new = self._newest(obj)
        status = new.setdefault("status", {})
        for key, value in patch.items():
            if value is None:
                status.pop(key, None)
            else:
                status[key] = copy.deepcopy(value)
        self.writes.append(patch)
        return await self._answer(self._store(_key(obj), new))

    async def set_finalizer(self, obj: Json, *, present: bool) -> Json:
        new = self._newest(obj)
        new["metadata"]["finalizers"] = [FINALIZER] if present else []
        if not present and new["metadata"].get("deletionTimestamp"):
            self._remove(_key(obj))
            return new
        return await self._answer(self._store(_key(obj), new))

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        return self.secrets.get((namespace, name))

    @staticmethod
    async def _answer(obj: Json) -> Json:
        # A watch is often faster than the answer to the write that it shows.
        for _ in range(5):
            await asyncio.sleep(0)
        return obj

    def _newest(self, obj: Json) -> Json:
        now = self.objects.get(_key(obj))
        if now is None or now["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise Conflict("the object has been changed")
        return copy.deepcopy(now)

    def _store(self, key: tuple[str, str], obj: Json) -> Json:
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        self.objects[key] = obj
        self._tell(Seen(copy.deepcopy(obj)))
        return copy.deepcopy(obj)

    def _remove(self, key: tuple[str, str]) -> None:
        self._tell(Gone(self.objects.pop(key)))

    def _tell(self, notice: Notice) -> None:
        for queue in self._watchers:
            queue.put_nowait(notice)


class FakeReporter:
    def __init__(self) -> None:
        self.told: list[tuple[Event, str]] = []
        self.noted: list[Event] = []

    async def tell(self, event: Event, *, occurrence: str) -> None:
        self.told.append((event, occurrence))

    def note(self, event: Event) -> None:
        self.noted.append(event)


def _key(obj: Json) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]
