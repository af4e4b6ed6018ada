"""
Who works next: a bounded number of slots, handed out by urgency.

Reverts and requests of people come first, then lanes that a change touches, with a share while
drift goes on and on, then the others; status-only updates come last, so that nobody waits for them.
What takes long without waiting for anything goes aside, so that nobody waits for it either.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import IntEnum
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")
MANY = 200  # objects; what is decided about fewer takes some milliseconds
AHEAD = 1.0  # seconds that other work lets lanes with a change go first
SHARE = 4  # each fourth slot goes to a lane with a change, however much drifts
_SIDE_BY_SIDE = 8  # requests of one lane at once


async def aside(objects: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Do a piece of work about so many objects, in a thread if they are many.

    In a thread it lets the loop go on every few milliseconds; it must share nothing that changes.
    """
    if objects < MANY:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


async def side_by_side(work: Callable[[K], Awaitable[None]], items: Iterable[K]) -> None:
    """
    Do a piece of work for each of some items, eight at once.
    """
    limit = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(item: K) -> None:
        async with limit:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(one(item))


class Urgency(IntEnum):
    """
    Lower goes first.
    """

    NOW = 0
    CHANGED = 1
    ROUTINE = 2
    STATUS = 3


class Slots:
    """
    A semaphore whose waiters are served by urgency, then in the order of their coming.

    In a storm of drift somebody is always urgent: a change must not wait until it is over.
    """

    def __init__(self, number: int) -> None:
        self._free = self._number = number
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._pressing = 0  # turns that somebody waits for, under way or yet to come
        self._awaited: set[object] = set()
        self._since = 0.0  # when the first of them came, in the loop's seconds
        self._calm = asyncio.Event()
        self._calm.set()
        self._waiting: dict[Urgency, deque[asyncio.Future[None]]] = {u: deque() for u in Urgency}
        self._shared = 0  # slots given while both drift and a change waited

    @asynccontextmanager
    async def take(self, urgency: Urgency) -> AsyncIterator[None]:
        """
        Hold one slot.
        """
        with self._pressed(urgency):
            await self._acquire(urgency)
            try:
                yield
            finally:
                self._release()

    async def quiet(self) -> None:
        """
        Wait until nobody works.
        """
        await self._quiet.wait()

    async def calm(self, *, unless: asyncio.Event) -> None:
        """
        Wait until no turn is under way or due that a change or a person asked for, nor is awaited.

        Such turns wait for the renderer and the API server, and slots are free meanwhile: the
        others let them go first all the same, but not for ever, and not if something wakes them.
        """
        patience = self._since + AHEAD - asyncio.get_running_loop().time()
        if self._calm.is_set() or patience <= 0:
            return
        ends = [asyncio.create_task(one.wait()) for one in (self._calm, unless)]
        try:
            await asyncio.wait(ends, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    def awaits(self, who: object, *, yes: bool) -> None:
        """
        Let the others wait also for a lane without a turn: it watches how its change rolls out.
        """
        if yes:
            self._awaited.add(who)
        else:
            self._awaited.discard(who)
        self._weigh()

    @contextmanager
    def _pressed(self, urgency: Urgency) -> Iterator[None]:
        pressing = urgency <= Urgency.CHANGED
        self._pressing += pressing
        self._weigh()
        try:
            yield
        finally:
            self._pressing -= pressing
            self._weigh()

    def _weigh(self) -> None:
        if not self._pressing and not self._awaited:
            self._calm.set()
        elif self._calm.is_set():
            self._calm.clear()
            self._since = asyncio.get_running_loop().time()

    async def _acquire(self, urgency: Urgency) -> None:
        if self._free > 0 and not any(self._waiting.values()):
            self._free -= 1
            self._quiet.clear()
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[urgency].append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._release()  # it was handed to us in the same moment
            raise

    def _release(self) -> None:
        while queue := self._next():
            future = queue.popleft()
            if not future.done():
                future.set_result(None)
                return
        self._free += 1
        if self._free == self._number:
            self._quiet.set()

    def _next(self) -> deque[asyncio.Future[None]] | None:
        """
        Return the waiters of whom one is next.
        """
        now, changed = self._waiting[Urgency.NOW], self._waiting[Urgency.CHANGED]
        if now and changed:
            self._shared += 1
            return now if self._shared % SHARE else changed
        return next((queue for queue in self._waiting.values() if queue), None)

    def __repr__(self) -> str:
        return f"Slots(free={self._free}, waiting={sum(map(len, self._waiting.values()))})"
