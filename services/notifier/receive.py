"""
receive, poke: a call that is genuine makes its objects look.

Nothing of a call but its bytes, for the check, has any effect: who looks is what the Receiver says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import structlog

from services.notifier.core.catalog import Catalog, Key
from services.notifier.core.coalesce import Covered, Gate, Now, Wait
from services.notifier.core.hooks import ALL, Entry, Hook
from services.notifier.core.verify import Call, Genuine, check
from services.notifier.ports import Bus, Declarations
from shared.errors import SetpointError, TransientError
from shared.runtime import Clock

log = structlog.get_logger()
_FRESH = 1.0  # seconds that a token counts as just read
_GUESSED = 10.0  # seconds between two looks at all tokens for the sake of unknown paths
_LOOK_TIMEOUT = 2.0  # seconds; forges wait about ten for an answer
_START = "start of the notifier"
_TRAILING_RETRY = 1.0  # seconds; a look that was promised is asked for until it is stored


async def _nothing(keys: Collection[Key]) -> None:
    del keys


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What the caller gets: a status, and no detail that helps a guesser.
    """

    status: HTTPStatus
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    kind: str
    namespace: str
    name: str
    cause: str

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


class Receive:
    """
    Checks calls and pokes.
    """

    def __init__(
        self, catalog: Catalog, declarations: Declarations, bus: Bus, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._declarations = declarations
        self._bus = bus
        self._clock = clock
        self._gate = Gate()
        # Set by the service: reads the Secrets of these Receivers, or of all, into the catalog.
        self.look_again: Callable[[Collection[Key]], Awaitable[None]] = _nothing
        self._looked: dict[Key | None, float] = {}
        self._promised: asyncio.Queue[tuple[float, _Look]] = asyncio.Queue()
        self.ready = False  # until the Receivers were read, no path is known to be unknown

    async def knows(self, path: str) -> bool:
        """
        Say whether there is a receiver at a path: others are not even read.

        The path and the check are those of the Secret as it is now, which nobody tells us of. An
        unknown path may be that of a new token; guesses at paths cost few requests.
        """
        hook = self._catalog.hook_at(path)
        key = (hook.namespace, hook.name) if hook is not None else None
        now = self._clock.monotonic()
        if now - self._looked.get(key, -_GUESSED) >= (_GUESSED if key is None else _FRESH):
            self._looked[key] = now
            # An API server that hangs holds up no call: what was known counts.
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_TIMEOUT):
                    await self.look_again([key] if key is not None else [])
        return self._catalog.hook_at(path) is not None

    async def receive(self, path: str, headers: Mapping[str, Sequence[str]], body: bytes) -> Answer:
        """
        Answer one call.
        """
        hook = self._catalog.hook_at(path)
        if hook is None:
            return Answer(HTTPStatus.NOT_FOUND, "not found")
        if not hook.open:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "the receiver is not ready")
        verdict = check(hook.type, Call(headers=headers, body=body), hook.token, hook.events)
        bound = log.bind(name=hook.name, namespace=hook.namespace, controllerKind="Receiver")
        if not isinstance(verdict, Genuine):
            bound.info("call rejected", reason=verdict.reason)
            return Answer(HTTPStatus.BAD_REQUEST, "the call could not be validated")
        cause = f"{verdict.cause} of Receiver {hook.namespace}/{hook.name}"
        try:
            for entry in hook.entries:
                for look in await self._looks(entry, cause):
                    await self._poke(look)
        except TransientError as error:
            bound.info("call not handled", error=error.message)
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE, "try again later")
        except SetpointError as error:
            bound.error("call not handled", error=error.message)
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "not all objects could be told")
        return self._closing(hook)

    def _closing(self, hook: Hook) -> Answer:
        if not hook.faults:
            return Answer(HTTPStatus.OK)
        log.error(
            "entries of a receiver not told",
            name=hook.name,
            namespace=hook.namespace,
            error="; ".join(hook.faults),
        )
        return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "not all objects could be told")

    async def _looks(self, entry: Entry, cause: str) -> list[_Look]:
        names = [entry.name]
        if entry.name == ALL:
            found = await self._declarations.objects(
                entry.group, entry.kind, namespace=entry.namespace, labels=entry.labels
            )
            names = [str(item["metadata"]["name"]) for item in found]
        return [
            _Look(kind=entry.kind, namespace=entry.namespace, name=name, cause=cause)
            for name in names
        ]

    async def _poke(self, look: _Look) -> None:
        now = self._clock.monotonic()
        match self._gate.ask(look.key, now):
            case Covered():
                return
            case Wait(until=until):
                self._promised.put_nowait((until, look))
            case Now():
                # Before the request: calls that come meanwhile get a look of their own.
                self._gate.begun(look.key, now)
                try:
                    await self._bus.look(look.kind, look.namespace, look.name, look.cause)
                except SetpointError:
                    self._gate.failed(look.key)
                    raise

    async def catch_up(self) -> None:
        """
        Let everything look once that a call may have been about while nobody heard it.

        A look that was promised dies with its process, and few forges call again.
        """
        found: dict[str, _Look] = {}
        for hook in self._catalog.hooks:
            cause = f"{_START}, for Receiver {hook.namespace}/{hook.name}"
            for entry in hook.entries if hook.open else ():
                try:
                    found |= {one.key: one for one in await self._looks(entry, cause)}
                except SetpointError as error:  # its interval is soon enough
                    log.info("look not asked for yet", object=entry.kind, error=error.message)
        # The window of calls is not begun by these: the first call is heard at once.
        for look in found.values():
            while not await self._asked(look):
                await self._clock.sleep(_TRAILING_RETRY)

    async def run(self) -> None:
        """
        Ask for the looks that were promised, each at its time, until cancelled.
        """
        while True:
            # The window is the same for all, so the first promised is the first due.
            until, look = await self._promised.get()
            await self._clock.sleep(max(0.0, until - self._clock.monotonic()))
            self._gate.begun(look.key, self._clock.monotonic())
            while not await self._asked(look):
                await self._clock.sleep(_TRAILING_RETRY)

    async def _asked(self, look: _Look) -> bool:
        try:
            await self._bus.look(look.kind, look.namespace, look.name, look.cause)
        except SetpointError as error:
            log.info("look not asked for yet", object=look.key, error=error.message)
            return False
        return True
