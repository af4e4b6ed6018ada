"""
What a watch of this program has seen of one kind, and when something began to hold.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Any

from shared.kube import Kube, Resource
from shared.kube.watch import Changed, Gone, Listed

TIMEOUT = 300.0  # seconds until everybody must have come along
Json = dict[str, Any]
Holds = Callable[[Json], bool]


class Watched:
    """
    The objects of one kind, by name; in one namespace.
    """

    def __init__(self, kube: Kube, kind: Resource, namespace: str) -> None:
        self._kube, self._kind, self._namespace = kube, kind, namespace
        self.seen: dict[str, Json] = {}
        self._waiting: defaultdict[str, list[tuple[Holds, asyncio.Future[float]]]]
        self._waiting = defaultdict(list)

    async def follow(self) -> None:
        async with aclosing(self._kube.watch(self._kind, namespace=self._namespace)) as events:
            async for event in events:
                match event:
                    case Listed(items=items):
                        for one in items:
                            self._see(one)
                    case Changed(object=one):
                        self._see(one)
                    case Gone(object=one):
                        self.seen.pop(one["metadata"]["name"], None)

    def _see(self, one: Json) -> None:
        name = one["metadata"]["name"]
        self.seen[name] = one
        waiting = self._waiting.pop(name, None)
        for holds, future in waiting or ():
            if future.done():
                continue
            if holds(one):
                future.set_result(time.monotonic())
            else:
                self._waiting[name].append((holds, future))

    def when(self, name: str, holds: Holds) -> "asyncio.Future[float]":
        """
        Return the moment, on the monotonic clock, at which something is seen to hold of an object.
        """
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        if name in self.seen and holds(self.seen[name]):
            future.set_result(time.monotonic())
        else:
            self._waiting[name].append((holds, future))
        return future

    async def until(self, names: Iterable[str], holds: Holds, *, left: int = 0) -> None:
        """
        Wait until something has held of all but ``left``.
        """
        arrived: asyncio.Queue[float] = asyncio.Queue()
        moments = [self.when(name, holds) for name in names]
        for moment in moments:
            moment.add_done_callback(lambda done: arrived.put_nowait(done.result()))
        async with asyncio.timeout(TIMEOUT):
            for _ in range(len(moments) - left):
                await arrived.get()


def version(one: Json) -> int:
    """
    Return the resourceVersion as a number: a watch may show a write and its revert at once.
    """
    return int(one["metadata"]["resourceVersion"])
