"""
A child process with a log file, started and stopped so that it never outlives its use.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Lines of a log that an error quotes.
QUOTED = 12
# Few programs have an option to die with their parent; a small program asks the kernel for it and
# then becomes the other, so that the process id stays.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """
    A running child process.
    """

    name: str
    log: Path
    process: Process

    @property
    def pid(self) -> int:
        """
        Return the process id, which is also that of its process group.
        """
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """
        Return how it ended, or None while it runs.
        """
        return self.process.returncode

    async def line(self) -> str:
        """
        Wait for the next line of its standard output; it is empty when the process has ended.
        """
        if self.process.stdout is None:
            return ""
        return (await self.process.stdout.readline()).decode(errors="replace").strip()

    async def stop(self, timeout: float) -> None:  # noqa: ASYNC109 - the grace before a kill
        """
        End it politely, then for certain, and wait for its end.
        """
        if self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(timeout):
                await self.process.wait()
        except TimeoutError:
            # The group: whatever the child started goes with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()

    def quoted(self) -> str:
        """
        Return the end of the log, for an error message.
        """
        return self.end_of(self.log)

    @staticmethod
    def end_of(log: Path) -> str:
        """
        Return the end of a log, for an error message.
        """
        try:
            lines = log.read_text(errors="replace").splitlines()
        except OSError as error:
            return f"its log {log} cannot be read: {error.strerror}"
        if not lines:
            return f"its log {log} is empty"
        end = "\n".join(f"  {line}" for line in lines[-QUOTED:])
        return f"the end of {log}:\n{end}"


async def start_child(
    program: Path,
    arguments: Sequence[str],
    log: Path,
    *,
    listen: bool = False,
    environment: Mapping[str, str] | None = None,
    append: bool = False,
) -> Child:
    """
    Start a program in a process group of its own, so that Ctrl-C reaches only us.

    Args:
        program: the executable.
        arguments: what follows its name.
        log: takes its output, from an empty file on unless ``append``.
        listen: keep standard output out of the log, for `Child.line`.
        environment: all variables it sees; ours if None.
        append: keep what an earlier process said.
    """
    with log.open("ab" if append else "wb") as file:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=DEVNULL,
            stdout=PIPE if listen else file,
            stderr=file,
            env=environment,
            start_new_session=True,
        )
    return Child(name=program.name, log=log, process=process)


def dying_with_parent(program: Path) -> tuple[Path, list[str]]:
    """
    Return how to start a program so that the kernel kills it when our process ends.

    The first is the program to start, the second what comes before the arguments.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is not None:
        return Path(setpriv), ["--pdeathsig", "KILL", "--", str(program)]
    return Path(sys.executable), ["-I", "-S", "-c", _DIE_WITH_PARENT, str(program)]
