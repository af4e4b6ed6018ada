"""A switch that ends a process at its n-th call of a port."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Switch:
    """
    Counts the calls of all ports behind it, and kills before or after the n-th.

    After: the call has had its effect, and nobody heard the answer.
    """

    def __init__(self, *, at: int = 0, after: bool = False) -> None:
        self.at, self.after = at, after
        self.calls: list[str] = []
        self.dead = False
        self._meanwhile: dict[str, Callable[[], object]] = {}
        self._on_its_way: dict[tuple[str, int, bool], Callable[[], Awaitable[object]]] = {}

    def guard(self, port: Any) -> Any:
        return _Mortal(port, self)

    def meanwhile(self, name: str, happens: Callable[[], object]) -> None:
        """
        Let something happen in the world just before the next call of this name.
        """
        self._meanwhile[name] = happens

    def on_its_way(
        self,
        name: str,
        number: int,
        happens: Callable[[], Awaitable[object]],
        *,
        back: bool = False,
    ) -> None:
        """
        Let something happen while the ``number``-th call of this name from now on is on its way.

        ``back``: while its answer is, so that the call has had its effect.
        """
        self._on_its_way = {(name, self.calls.count(name) + number, back): happens}

    async def travel(self, name: str, number: int, *, back: bool = False) -> None:
        """
        Let happen what happens while a call, or its answer, is on its way.
        """
        happens = self._on_its_way.pop((name, number, back), None)
        if happens is not None:
            await happens()

    def enter(self, name: str) -> None:
        if self.dead:
            raise Killed
        self.calls.append(name)
        self._meanwhile.pop(name, lambda: None)()
        if len(self.calls) == self.at and not self.after:
            self.die()

    def leave(self, number: int) -> None:
        if number == self.at and self.after:
            self.die()
        if self.dead:
            raise Killed

    def die(self) -> None:
        self.dead = True
        raise Killed


class _Mortal:
    def __init__(self, port: Any, switch: Switch) -> None:
        self._port, self._switch = port, switch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        full = f"{type(self._port).__name__.removeprefix('Fake')}.{name}"
        if inspect.iscoroutinefunction(found):

            async def call(*args: Any, **kwargs: Any) -> Any:
                self._switch.enter(full)
                number, of_these = len(self._switch.calls), self._switch.calls.count(full)
                await self._switch.travel(full, of_these)
                answer = await found(*args, **kwargs)
                await self._switch.travel(full, of_these, back=True)
                self._switch.leave(number)
                return answer

            return call
        if not callable(found):
            return found

        def call_now(*args: Any, **kwargs: Any) -> Any:
            self._switch.enter(full)
            number = len(self._switch.calls)
            answer = found(*args, **kwargs)
            self._switch.leave(number)
            return answer

        return call_now
