"""
Build a program without holding up the event loop, so that Ctrl-C and SIGTERM end it at once.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from pathlib import Path

from cli.up.errors import UpError
from cli.up.programs import ROOT, Program

ERROR = "error: "


async def build_program(program: Program, *, report: Callable[[str], None]) -> Path:
    """
    Return the program's binary, built by a process of its own.

    A thread could not be stopped: a cancelled start would wait for minutes until the compiler ends.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli.up.programs",
        program.name,
        cwd=ROOT,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        # A group of its own: the compiler and what it starts are stopped together.
        start_new_session=True,
    )
    try:
        async with asyncio.TaskGroup() as group:
            output = group.create_task(_read(process.stdout))
            failure = group.create_task(_follow(process.stderr, report))
        await process.wait()
    except BaseException:
        await _end(process)
        raise
    if process.returncode != 0:
        raise UpError(failure.result() or f"{program.name}: the build was stopped from outside")
    return Path(output.result())


async def _read(stream: asyncio.StreamReader | None) -> str:
    return (await stream.read()).decode().strip() if stream else ""


async def _follow(stream: asyncio.StreamReader | None, report: Callable[[str], None]) -> str:
    """
    Report the lines of progress and return the error, which is what the last ones say.
    """
    error: list[str] = []
    while stream and (raw := await stream.readline()):
        line = raw.decode(errors="replace").rstrip()
        if error or line.startswith(ERROR):
            error.append(line.removeprefix(ERROR))
        else:
            report(line)
    return "\n".join(error)


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    await process.wait()
