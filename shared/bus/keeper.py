"""Keep the declared streams declared, and notice when one was wiped."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog

from shared.bus.errors import NoStream
from shared.bus.jetstream import JetStream
from shared.bus.streams import StreamSpec
from shared.bus.wipe import Watermarks
from shared.errors import SetpointError

log = structlog.get_logger()

LOOK_EVERY = 30.0  # seconds; a stream may be wiped while the connection stays
RETRY = 1.0  # seconds

OnWipe = Callable[[str], Awaitable[None]]


class Keeper:
    """
    The streams that this service declares or reads.
    """

    def __init__(self, jetstream: JetStream, marks: Watermarks) -> None:
        self._jetstream = jetstream
        self._marks = marks
        self._specs: dict[str, StreamSpec] = {}
        self._watched: set[str] = set()
        self._callbacks: list[OnWipe] = []
        self._wiped: list[str] = []
        self._lock = asyncio.Lock()
        self._look = asyncio.Event()

    def on_wipe(self, callback: OnWipe) -> None:
        """
        Call with the stream's name when it is not the one that was known, at least once.
        """
        self._callbacks.append(callback)

    def owns(self) -> bool:
        """
        Say whether there is anything to declare.
        """
        return bool(self._specs)

    async def declare(self, specs: Iterable[StreamSpec]) -> None:
        """
        Take streams into care, and declare them now if NATS is there.
        """
        for spec in specs:
            self._specs[spec.name] = spec
        try:
            await self.assert_all()
        except SetpointError as error:
            log.warning("streams not declared yet", error=error.message)
            self._look.set()

    async def watch(self, stream: str) -> None:
        """
        Take a stream of another service into care, and look at it now.
        """
        self._watched.add(stream)
        await self._look_at(stream)

    async def assert_all(self) -> None:
        """
        Declare every stream that is missing or different.
        """
        async with self._lock:
            for spec in list(self._specs.values()):
                known = self._marks.sequence(spec.name)
                self._seen(spec.name, await self._assert(spec), known)

    def reached(self, stream: str, sequence: int) -> None:
        """
        Remember that a stream held this sequence.
        """
        self._marks.reached(stream, sequence)

    def look(self) -> None:
        """
        Look again soon.
        """
        self._look.set()

    async def run(self) -> None:
        """
        Assert and look after each connect, on request and from time to time.
        """
        connection = self._jetstream.connection
        while True:
            await connection.line.up.wait()
            self._look.clear()
            try:
                await self.assert_all()
                for stream in list(self._watched):
                    try:
                        await self._look_at(stream)
                    except NoStream:
                        continue  # its owner will declare it; the consumer waits
            except SetpointError as error:
                log.warning("streams could not be asserted", error=error.message)
                await asyncio.sleep(RETRY)
                continue
            await self._tell()
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def _look_at(self, stream: str) -> None:
        known = self._marks.sequence(stream)
        self._seen(stream, await self._info(stream), known)

    async def _info(self, stream: str) -> dict[str, Any]:
        return await self._jetstream.call(f"STREAM.INFO.{stream}")

    async def _assert(self, spec: StreamSpec) -> dict[str, Any]:
        config = spec.config()
        try:
            info = await self._info(spec.name)
        except NoStream:
            log.info("stream declared", stream=spec.name)
            return await self._jetstream.call(f"STREAM.CREATE.{spec.name}", config)
        # The server leaves out what is zero or false.
        if all((info["config"].get(key) or 0) == (value or 0) for key, value in config.items()):
            return info
        log.info("stream changed", stream=spec.name)
        return await self._jetstream.call(f"STREAM.UPDATE.{spec.name}", config)

    def _seen(self, stream: str, info: dict[str, Any], known: int) -> None:
        created, last = str(info.get("created", "")), int(info["state"]["last_seq"])
        if self._marks.seen(stream, created, last, asked_at=known):
            log.warning("stream was wiped", stream=stream)
            # Told by our own task: whoever noticed holds a lock or has a deadline.
            if stream not in self._wiped:
                self._wiped.append(stream)
            self._look.set()

    async def _tell(self) -> None:
        for stream in list(self._wiped):
            try:
                for callback in self._callbacks:
                    await callback(stream)
            except Exception:
                log.exception("a wipe was not handled, it is told again", stream=stream)
                continue
            self._wiped.remove(stream)
            self._marks.told(stream)
