"""
The pool of Git workers: bounded, warm, and each can be killed when its time is up.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import services
from services.source.adapters.job import (
    HEAD_SIZE,
    Answer,
    Job,
    frame,
    lengths,
    read_answer,
)
from shared.artifact import LIMITS
from shared.errors import TransientError

_ROOT = Path(services.__file__).parents[1]
_INDEX_LIMIT = 32 * 1024 * 1024  # bytes; what shared.artifact writes at most


class _Worker:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def perform(self, job: Job) -> tuple[Answer, bytes, bytes]:
        incoming, outgoing = self.process.stdout, self.process.stdin
        assert incoming is not None  # noqa: S101 - both are pipes
        assert outgoing is not None  # noqa: S101
        outgoing.writelines(frame(job))
        await outgoing.drain()
        text, archive, entries = lengths(await incoming.readexactly(HEAD_SIZE))
        if archive > LIMITS.packed or entries > _INDEX_LIMIT:
            raise ValueError("an answer over the limits")
        answer = read_answer(await incoming.readexactly(text))
        return answer, await incoming.readexactly(archive), await incoming.readexactly(entries)

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            # The group: ssh is a child of the worker.
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()


class Workers:
    """
    At most ``size`` processes, started when they are needed and then kept.
    """

    def __init__(self, size: int, where: Path) -> None:
        self._where = where
        self._free = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._releasing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """
        Clear what a killed run left, and warm one worker up.
        """
        await asyncio.to_thread(_clear, self._where)
        self._idle.append(await self._spawn())

    async def close(self) -> None:
        """
        Kill them all, and wait for those whose caller did not.
        """
        await asyncio.gather(*self._releasing, return_exceptions=True)
        for worker in list(self._all):
            await worker.kill()
        self._all.clear()
        self._idle.clear()

    async def perform(self, job: Job, *, within: float) -> tuple[Answer, bytes, bytes]:
        """
        Run one job; its worker is killed when the time is up or the caller is cancelled.

        Raises:
            TransientError: The time is up, or the worker died.

        """
        async with self._free:
            where = self._folder()
            worker, done = None, False
            try:
                worker = await self._take()
                async with asyncio.timeout(within):
                    result = await worker.perform(replace(job, where=str(where)))
                done = not result[0].last
            except TimeoutError:
                raise TransientError(
                    f"{job.origin}: the fetch took longer than spec.timeout ({within:g} s); raise "
                    "it, or make the repository smaller",
                    reason="GitOperationFailed",
                ) from None
            except (OSError, EOFError, ValueError) as exc:
                raise TransientError(
                    f"{job.origin}: the fetch ended before its time, as one does that needs too "
                    "much memory; make the repository smaller",
                    reason="GitOperationFailed",
                ) from exc
            finally:
                release = asyncio.create_task(self._release(worker, where, keep=done))
                self._releasing.add(release)
                release.add_done_callback(self._releasing.discard)
                await asyncio.shield(release)
        return result

    def _folder(self) -> Path:
        try:
            return Path(tempfile.mkdtemp(prefix="git-", dir=self._where))
        except OSError as exc:
            raise TransientError(
                f"nothing can be written into {self._where}: {exc.strerror}; give the data "
                "directory of the source service room",
                reason="GitOperationFailed",
            ) from exc

    async def _release(self, worker: _Worker | None, where: Path, *, keep: bool) -> None:
        if worker is not None and keep:
            self._idle.append(worker)
        elif worker is not None:
            self._all.discard(worker)
            await worker.kill()
        # Keys may be in there: gone before anything else happens.
        await asyncio.to_thread(shutil.rmtree, where, ignore_errors=True)

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._all.discard(worker)
            await worker.kill()
        return await self._spawn()

    async def _spawn(self) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.source.adapters.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._where,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(self._where),
                "LANG": "C.UTF-8",
                "PYTHONPATH": str(_ROOT),
                "TMPDIR": str(self._where),
            },
            start_new_session=True,
        )
        worker = _Worker(process)
        self._all.add(worker)
        return worker


def _clear(where: Path) -> None:
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    for entry in where.glob("git-*"):
        shutil.rmtree(entry, ignore_errors=True)
