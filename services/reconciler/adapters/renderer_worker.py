"""
One renderer process: its start, its frames, its end.
"""

import asyncio
import contextlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from services.reconciler.core.rendering import RenderFailed

# The version of the frames below; the program says its own in its first frame.
PROTOCOL = 1
# An answer holds at most 32 MiB of objects and what 50,000 files were looked at; twice that is
# no answer of ours.
_MAX_FRAME = 96 << 20
# Larger results are parsed in a thread: 256 KiB take about a millisecond.
_PARSE_IN_THREAD = 256 << 10
# What the kernel's pipe does not hold waits here; also the bound of what a crash may print.
_STREAM_BUFFER = 256 << 10
# A cold start takes about 50 ms; a machine under load gets a long time.
_START_SECONDS = 20.0
_MESSAGE_LENGTH = 300
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    The header of an answer and what followed it.
    """

    status: str
    kind: str
    message: str
    result: Any


class Worker:
    """
    A warm process that answers one request after the other.
    """

    def __init__(self, process: asyncio.subprocess.Process, program: str) -> None:
        assert process.stdin is not None  # noqa: S101 - asked for in start
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        self._process = process
        self._program = program
        self._in = process.stdin
        self._out = process.stdout
        self._err = process.stderr
        self._last_id = 0
        self.held: set[str] = set()

    def __repr__(self) -> str:
        return f"Worker(pid={self.pid}, alive={self.alive}, held={len(self.held)})"

    @classmethod
    async def start(cls, program: str) -> Self:
        """
        Start the program without environment and check that it speaks our protocol.

        Raises:
            RenderFailed: It cannot be started or is of another version.

        """
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_STREAM_BUFFER,
                env={},
                # A Ctrl-C at the terminal is for the service, which ends its children in order.
                start_new_session=True,
            )
        except OSError as exc:
            raise RenderFailed(
                "crash", f"renderer {program} cannot be started ({exc.strerror}): build it first"
            ) from exc
        worker = cls(process, program)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await worker._greet()
        except BaseException as exc:
            await worker.kill()
            if isinstance(exc, TimeoutError):
                raise RenderFailed(
                    "crash", f"renderer {program} said nothing for {_START_SECONDS:g} s"
                ) from exc
            raise
        return worker

    @property
    def pid(self) -> int:
        """
        Return the process id.
        """
        return self._process.pid

    @property
    def alive(self) -> bool:
        """
        Say whether the process still runs, as far as the loop has heard.
        """
        return self._process.returncode is None

    async def exchange(
        self, header: Mapping[str, object], body: bytes | None, seconds: float
    ) -> Answer:
        """
        Send one request and wait for its answer; whatever goes wrong ends the process.

        Raises:
            RenderFailed: The process ended, was too slow, or said what is no answer.

        """
        self._last_id += 1
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange({**header, "id": self._last_id}, body)
        except TimeoutError as exc:
            await self.kill()
            raise RenderFailed(
                "timeout",
                f"not rendered within {seconds:g} s: make the overlay smaller or split it",
            ) from exc
        except (OSError, asyncio.IncompleteReadError, _BadFrameError) as exc:
            raise RenderFailed("crash", await self._obituary(exc)) from exc
        except asyncio.CancelledError:
            # Half a frame may be on its way: nobody could read the next answer.
            await self.kill()
            raise

    async def kill(self) -> None:
        """
        End the process at once and collect it.
        """
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        self._in.close()
        await self._process.wait()

    async def _greet(self) -> None:
        try:
            hello = orjson.loads(await self._read_frame())
        except (OSError, asyncio.IncompleteReadError, _BadFrameError, ValueError) as exc:
            raise RenderFailed(
                "crash", f"renderer {self._program} did not greet: {await self._obituary(exc)}"
            ) from exc
        if not isinstance(hello, dict) or hello.get("protocol") != PROTOCOL:
            said = hello.get("protocol") if isinstance(hello, dict) else hello
            raise RenderFailed(
                "crash",
                f"renderer {self._program} speaks protocol {said!r}, this service {PROTOCOL}: "
                "build both from the same commit",
            )

    async def _exchange(self, header: dict[str, object], body: bytes | None) -> Answer:
        text = orjson.dumps(header)
        self._in.write(_LENGTH.pack(len(text)) + text)
        if body is not None:
            self._in.write(_LENGTH.pack(len(body)))
            self._in.write(body)
        await self._in.drain()
        said = await _parse(await self._read_frame())
        if not isinstance(said, dict) or said.get("id") != header["id"]:
            raise _BadFrameError("answer to another request")
        result = await _parse(await self._read_frame()) if said.get("frames") else None
        return Answer(
            status=str(said["status"]),
            kind=str(said.get("kind", "")),
            message=str(said.get("message", "")),
            result=result,
        )

    async def _read_frame(self) -> bytes:
        (length,) = _LENGTH.unpack(await self._out.readexactly(_LENGTH.size))
        if length > _MAX_FRAME:
            raise _BadFrameError(f"frame of {length} bytes")
        return await self._out.readexactly(length)

    async def _obituary(self, cause: Exception) -> str:
        """
        Say how the process ended, in its own first words where it left some.
        """
        with contextlib.suppress(TimeoutError):
            # It may be about to write its last line.
            async with asyncio.timeout(1.0):
                await self._process.wait()
        await self.kill()
        printed = (await self._err.read()).decode(errors="replace")
        lines = [line.strip() for line in printed.splitlines() if line.strip()]
        said = (line for line in lines if line.startswith("RenderOOM"))
        first = next(said, lines[0] if lines else "")
        code = self._process.returncode
        if first.startswith("RenderOOM"):
            return f"{first[:_MESSAGE_LENGTH]}: make the overlay smaller or split it"
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        why = first[:_MESSAGE_LENGTH] or str(cause) or type(cause).__name__
        return f"the renderer ended with {how} during this render: {why}"


class _BadFrameError(Exception):
    """
    Bytes that are no frame of the protocol.
    """


async def _parse(payload: bytes) -> Any:
    try:
        if len(payload) > _PARSE_IN_THREAD:
            return await asyncio.to_thread(orjson.loads, payload)
        return orjson.loads(payload)
    except ValueError as exc:
        raise _BadFrameError("frame that is no JSON") from exc
