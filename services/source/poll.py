"""
Wait until a source is due, or until somebody says "look now".

One lane per source: what arrives while a pass runs is answered by the next pass, what arrived
before it began is answered by it.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from services.source.core.declaration import FINALIZER
from shared.api.meta import REQUESTED_AT
from shared.kube.errors import Conflict
from shared.runtime import Clock

Json = dict[str, Any]
Interest = tuple[object, ...]
Key = tuple[str, str]


class Lane:
    """
    The newest version of one declared source, and when to look at it.

    A pass works on the version with which it began and its own writes of it: ``working``. What the
    watch shows meanwhile makes those writes conflict, and is what the next pass works on. One whose
    source is deleted or has another spec is not waited for: its origin may never answer.
    """

    def __init__(self, obj: Json, clock: Clock) -> None:
        self.obj = obj
        self.working = obj
        self.failures = 0
        self.begun_generation = -1  # of the last pass that said so in the status
        self.announced: object = None  # the artifact that the bus has heard of
        self.compared: object = None  # the push of which is known whether it left commits behind
        self.unannounced = 0  # times in a row that the bus could not be told
        self.deep = False  # somebody could not read the artifact: check all of it
        self._clock = clock
        self._due: float | None = clock.monotonic()
        self._woken = asyncio.Event()
        self._settled = interest(obj)
        self._running = False
        self._limit: asyncio.Timeout | None = None

    def see(self, obj: Json) -> None:
        """
        Take a version from the watch; look now if it asks for something new.
        """
        if version(obj) <= version(self.obj) and uid(obj) == uid(self.obj):
            return
        lost = artifact(obj) != artifact(self.obj)
        self.obj = obj
        if not self._running:
            if lost or interest(obj) != self._settled:
                self.poke()
        elif self._limit and not self._limit.expired() and wish(obj) != wish(self.working):
            self._limit.reschedule(asyncio.get_running_loop().time())

    @contextmanager
    def depth(self) -> Iterator[bool]:
        """
        Say whether to check all of the artifact; what is given up is asked for again.
        """
        deep, self.deep = self.deep, False
        try:
            yield deep
        except BaseException:
            self.deep = self.deep or deep
            raise

    @asynccontextmanager
    async def until_overtaken(self) -> AsyncGenerator[None]:
        """
        End what runs inside as soon as it works on what is not wished any more.

        Raises:
            Conflict: It was ended; the next pass works on the newest version.

        """
        try:
            async with asyncio.timeout(None) as limit:
                self._limit = limit
                try:
                    yield
                finally:
                    self._limit = None
        except TimeoutError as exc:
            if not limit.expired():
                raise
            raise Conflict("the source was deleted or changed while a pass ran") from exc

    def wrote(self, obj: Json) -> None:
        """
        Take what a write of the running pass returned.
        """
        self.working = obj
        self._settled = interest(obj)
        if version(obj) > version(self.obj):
            self.obj = obj

    def poke(self) -> None:
        """
        Look now, or as soon as the running pass ends.
        """
        self._woken.set()

    def again(self, delay: float | None) -> None:
        """
        Look after ``delay`` seconds; None waits until something changes.
        """
        self._due = None if delay is None else self._clock.monotonic() + delay

    async def wait(self) -> None:
        """
        Return when a pass is to begin.
        """
        # Our own writes come back while a pass runs; what is different after it is somebody else's.
        if self._running and (
            artifact(self.obj) != artifact(self.working) or interest(self.obj) != self._settled
        ):
            self.poke()
        self._running = False
        while not self._woken.is_set() and not self._is_due():
            await self._pause()
        self._woken.clear()
        self._running = True
        self.working = self.obj
        self._settled = interest(self.obj)

    def _is_due(self) -> bool:
        return self._due is not None and self._due <= self._clock.monotonic()

    async def _pause(self) -> None:
        tasks: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._woken.wait())}
        if self._due is not None:
            left = self._due - self._clock.monotonic()
            tasks.add(asyncio.ensure_future(self._clock.sleep(left)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def __repr__(self) -> str:
        meta = self.obj["metadata"]
        return f"<Lane {meta['namespace']}/{meta['name']} failures={self.failures} due={self._due}>"


def interest(obj: Json) -> Interest:
    """
    Return what a pass answers: a change of it asks for another.
    """
    meta = obj["metadata"]
    return (
        meta.get("uid"),
        meta.get("generation"),
        (meta.get("annotations") or {}).get(REQUESTED_AT),
        bool(meta.get("deletionTimestamp")),
        FINALIZER in (meta.get("finalizers") or ()),
    )


def wish(obj: Json) -> Interest:
    """
    Return what a running pass cannot do without: once it has changed, all its writes conflict.
    """
    meta = obj["metadata"]
    return meta.get("uid"), meta.get("generation"), bool(meta.get("deletionTimestamp"))


def key_of(obj: Json) -> Key:
    """
    Return namespace and name of an object.
    """
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def artifact(obj: Json) -> object:
    """
    Return the digest of the artifact that an object names.
    """
    return ((obj.get("status") or {}).get("artifact") or {}).get("digest")


def version(obj: Json) -> int:
    """
    Return the version of an object, which grows with each write.
    """
    return int(obj["metadata"].get("resourceVersion") or 0)


def uid(obj: Json) -> object:
    """
    Return the identity of an object, which another of the same name does not share.
    """
    return obj["metadata"].get("uid")
