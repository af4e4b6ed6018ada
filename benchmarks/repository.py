"""
Git through source: the first fetch, the next one, and the look at a head, beside the program git.

Makes a repository and serves it over HTTP by git's own backend, in a process of its own. Source's
Git origin looks at it with its worker processes, as in production: what it returns is the packed
artifact with its index. The program git clones, fetches and lists in turn with it.
"""

import argparse
import asyncio
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from benchmarks.common.history import BRANCH, History
from benchmarks.common.processes import children, usage
from benchmarks.common.report import say, table, write
from cli.up.git_http import clean_environment, git_program, serve
from services.source.adapters.origin import GitOrigin
from services.source.adapters.workers import Workers
from services.source.core.checkout import Checkout, Question, Unchanged
from services.source.core.location import Location
from services.source.core.reference import Reference
from shared.runtime.addresses import AddressPolicy

Json = dict[str, Any]
TIMEOUT = 120.0
NAME = "repo.git"
_LOOK = 0.01  # seconds between looks at the memory of the workers


def serving(root: Path) -> None:
    """
    Serve the repositories under a folder, and print the port.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        with suppress(ConnectionError):
            return await serve(request, root, {})
        return web.Response()

    async def run() -> None:
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


@asynccontextmanager
async def served(root: Path) -> AsyncIterator[str]:
    """
    Give the URL of the repository.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.repository",
        "--serve",
        str(root),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        yield f"http://127.0.0.1:{port}/{NAME}"
    finally:
        process.terminate()
        await process.wait()


class Workshop:
    """
    What this process and the workers have used since the meter was made.

    A worker that ends is counted by the kernel as a child that was waited for.
    """

    def __init__(self) -> None:
        self._peaks: dict[int, float] = {}
        self._before = self._seconds()
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            for pid in children(os.getpid()):
                self._peaks[pid] = max(self._peaks.get(pid, 0.0), usage(pid).peak)
            await asyncio.sleep(_LOOK)

    def _seconds(self) -> tuple[float, float]:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        alive = sum(usage(pid).cpu for pid in children(os.getpid()))
        return time.process_time(), ended.ru_utime + ended.ru_stime + alive

    def read(self) -> Json:
        self._task.cancel()
        own, theirs = (now - then for now, then in zip(self._seconds(), self._before, strict=True))
        return {
            "source_cpu": round(own, 3),
            "worker_cpu": round(theirs, 3),
            "source_peak_mb": round(usage(os.getpid()).peak, 1),
            "worker_peak_mb": round(max(self._peaks.values()), 1),
        }


class Run:
    """
    One repository, looked at again and again by both.
    """

    def __init__(self, history: History, url: str, origin: GitOrigin, folder: Path) -> None:
        self.history, self.url, self.origin = history, url, origin
        self.clone = folder / "clone"
        self.env = clean_environment(folder)

    async def look(self, known: str = "") -> Unchanged | Checkout:
        return await self.origin.look(
            Question(
                location=Location.parse(self.url),
                reference=Reference(branch=BRANCH),
                ignore="",
                known=known,
                timeout=TIMEOUT,
            )
        )

    async def git(self, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(
            git_program(), *words, env=self.env, stdout=subprocess.DEVNULL, stderr=-3
        )
        assert await process.wait() == 0, words

    async def first(self) -> Json:
        async def ours() -> None:
            self.found = await self.look()
            assert isinstance(self.found, Checkout)
            self.known = str(self.found.revision)

        async def theirs() -> None:
            shutil.rmtree(self.clone, ignore_errors=True)
            await self.git("clone", "-q", "--depth", "1", self.url, str(self.clone))

        return await self._beside(ours, theirs, self._nothing)

    async def next(self) -> Json:
        async def ours() -> None:
            found = await self.look(self.known)
            assert isinstance(found, Checkout)
            self.known = str(found.revision)

        async def theirs() -> None:
            await self.git("-C", str(self.clone), "fetch", "-q", "--depth", "1", "origin", BRANCH)

        async def change() -> None:
            await asyncio.to_thread(self.history.change)

        return await self._beside(ours, theirs, change)

    async def head(self) -> Json:
        async def ours() -> None:
            assert isinstance(await self.look(self.known), Unchanged)

        async def theirs() -> None:
            await self.git("ls-remote", "-q", self.url, f"refs/heads/{BRANCH}")

        return await self._beside(ours, theirs, self._nothing)

    async def _nothing(self) -> None: ...

    async def _beside(
        self,
        ours: Callable[[], Awaitable[None]],
        theirs: Callable[[], Awaitable[None]],
        prepare: Callable[[], Awaitable[None]],
    ) -> Json:
        """
        Measure both in turn, so that what disturbs one disturbs the other.
        """
        seconds: dict[str, list[float]] = {"ours": [], "git": []}
        used: list[Json] = []
        for _ in range(self.rounds):
            await prepare()
            begin = time.perf_counter()
            await theirs()
            seconds["git"].append(time.perf_counter() - begin)
            workshop, begin = Workshop(), time.perf_counter()
            await ours()
            seconds["ours"].append(time.perf_counter() - begin)
            used.append(workshop.read())
        middle = {name: statistics.median(found) for name, found in seconds.items()}
        return {
            "ms": round(1000 * middle["ours"], 1),
            "git_ms": round(1000 * middle["git"], 1),
            "times": round(middle["ours"] / middle["git"], 2),
            "seconds": {name: [round(one, 4) for one in found] for name, found in seconds.items()},
            "source_cpu_ms": round(1000 * statistics.median(one["source_cpu"] for one in used), 1),
            "worker_cpu_ms": round(1000 * statistics.median(one["worker_cpu"] for one in used), 1),
            "source_peak_mb": max(one["source_peak_mb"] for one in used),
            "worker_peak_mb": max(one["worker_peak_mb"] for one in used),
        }

    rounds = 5


async def measure(files: int, commits: int, rounds: int) -> Json:
    """
    Make the repository and measure everything on it.
    """
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as name:
        folder = Path(name)
        (folder / "git").mkdir()
        say(f"a repository of {files} files and {commits} commits")
        history = History(folder / "git" / NAME, files=files, commits=commits)
        workers = Workers(2, folder / "workers")
        async with served(folder / "git") as url:
            await workers.start()
            try:
                run = Run(history, url, GitOrigin(workers, AddressPolicy(["127.0.0.0/8"])), folder)
                run.rounds = rounds
                result: Json = {"files": files, "commits": commits, "pack_bytes": history.bytes}
                for step in (run.first, run.next, run.head):
                    say(step.__name__)
                    result[step.__name__] = await step()
                assert isinstance(run.found, Checkout)
                result["archive_bytes"] = len(run.found.archive)
                return result
            finally:
                await workers.close()


WORDS = {"first": "first fetch", "next": "next fetch, one file", "head": "look at the head"}


def rows(result: Json) -> list[list[object]]:
    """
    Return the table.
    """
    head = ["", "ms", "git ms", "times", "source CPU ms", "worker CPU ms", "source MB", "worker MB"]
    found: list[list[object]] = [list(head)]
    for step, words in WORDS.items():
        one = result[step]
        figures = [one[key] for key in ("ms", "git_ms", "times", "source_cpu_ms", "worker_cpu_ms")]
        found.append([words, *figures, one["source_peak_mb"], one["worker_peak_mb"]])
    return found


def main() -> None:
    """
    Measure, print the table and write the file.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--commits", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    if given.serve:
        serving(given.serve)
        return
    result = asyncio.run(measure(given.files, given.commits, given.rounds))
    packed = result["pack_bytes"] >> 10
    print(f"\n{given.files} files, {given.commits} commits, pack of {packed} KiB")
    print(table(rows(result)), flush=True)
    write("repository", result)


if __name__ == "__main__":
    main()
