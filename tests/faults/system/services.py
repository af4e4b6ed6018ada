"""
The three services as children that a test may kill, freeze and arm; whoever dies starts again.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.common.processes import children, usage
from cli.up.children import Child, dying_with_parent, start_child
from tests.fixtures.freeze import frozen

KILL_AT = "SETPOINT_KILL_AT"
STOP = 10.0  # seconds for a polite end
# Seconds until one that died by itself starts again: what cannot start must not spin.
AGAIN = 0.3
LISTENING = 60.0  # seconds from the start to the file with the addresses
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """
    One end of a process: when, its exit status, what it was armed with, and whether it was told to.
    """

    at: float
    code: int
    armed: str
    told: bool = False


class Service:
    """
    One service; ``deaths`` tells all its ends, those that nobody caused too.
    """

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.data = folder / "data" / name
        self.temp = folder / "temp" / name
        self.log = folder / "logs" / f"{name}.log"
        self.addresses = self.data / "addresses.json"
        self.deaths: list[Death] = []
        self.starts = 0
        self.peak = 0.0
        self._environment = dict(environment)
        self._child: Child | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._armed = ""
        self._told = False
        self._next: Mapping[str, str] = {}
        self._frozen = contextlib.ExitStack()
        for path in (self.data, self.temp, self.log.parent):
            path.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was never started"
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.returncode is None

    async def start(self, **environment: str) -> None:
        """
        Start it and keep it running; ``environment`` holds for this one start.
        """
        await self._spawn(environment)
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def stop(self) -> None:
        """
        End it politely; it stays away until it is started.
        """
        self.thaw()
        await self._leave()
        if self._child is not None:
            await self._child.stop(STOP)

    async def crash(self) -> None:
        """
        Kill it; it stays away until it is started, and its children are gone with it.
        """
        self.thaw()
        await self._leave()
        if self._child is not None:
            ending = self.children()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            await self._child.process.wait()
            async with asyncio.timeout(STOP):
                while any(map(_lives, ending)):
                    await asyncio.sleep(0.01)

    async def kill(self, **environment: str) -> None:
        """
        Kill it and return when it is dead; the next start, which follows, sees ``environment``.
        """
        self.thaw()
        self._next = environment
        count = len(self.deaths)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        await self.died(count + 1, within=STOP)

    async def arm(self, point: str) -> int:
        """
        Kill it and start it so that it dies at a point; return the number that death will have.
        """
        await self.kill(**{KILL_AT: point})
        return len(self.deaths) + 1

    async def died(self, count: int, *, within: float) -> Death | None:
        """
        Wait for its death of that number, from 1; None if it lives on.
        """
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(lambda: len(self.deaths) >= count)
        except TimeoutError:
            return None
        return self.deaths[count - 1]

    async def started(self, count: int, *, within: float = STOP) -> None:
        """
        Wait until it was started so many times.
        """
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: self.starts >= count)

    def signal(self, number: signal.Signals) -> None:
        """
        Send a signal; whoever ends by it starts again.
        """
        self._told = True
        os.kill(self.pid, number)

    def freeze(self) -> None:
        self._frozen.enter_context(frozen(self.pid))

    def thaw(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._frozen.close()

    def rss(self) -> float:
        """
        Return resident megabytes, and remember the most.
        """
        used = usage(self.pid)
        self.peak = max(self.peak, used.peak)
        return used.memory

    def fds(self) -> int:
        with contextlib.suppress(OSError):
            return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        return 0

    def children(self) -> list[int]:
        return children(self.pid)

    def said(self) -> str:
        """
        Return its log.
        """
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def ports(self) -> dict[str, int]:
        """
        Return its ports by what listens there, as soon as it does.
        """
        async with asyncio.timeout(LISTENING):
            while not self.addresses.exists():
                await asyncio.sleep(0.05)
        found: dict[str, int] = json.loads(self.addresses.read_bytes())
        return found

    async def metrics(self) -> str:
        """
        Return what it tells Prometheus.
        """
        port = (await self.ports())["metrics"]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics") as answer,
        ):
            return await answer.text()

    async def waiting(self) -> int:
        """
        Return the bytes of events that wait on its disk for the bus.
        """
        lines = (await self.metrics()).splitlines()
        found = (one for one in lines if one.startswith("setpoint_outbox_bytes"))
        return sum(int(float(one.rpartition(" ")[2])) for one in found)

    async def _spawn(self, environment: Mapping[str, str]) -> None:
        self.addresses.unlink(missing_ok=True)
        program, words = dying_with_parent(Path(sys.executable))
        self._armed = environment.get(KILL_AT, "")
        self._child = await start_child(
            program,
            [*words, "-m", f"services.{self.name}"],
            self.log,
            environment={
                **self._environment,
                "PYTHONPATH": os.pathsep.join(
                    filter(None, (self._environment.get("PYTHONPATH"), str(ROOT)))
                ),
                "SETPOINT_DATA_DIR": str(self.data),
                "SETPOINT_ADDRESS_FILE": str(self.addresses),
                "TMPDIR": str(self.temp),
                **environment,
            },
            append=True,
        )
        async with self._changed:
            self.starts += 1
            self._changed.notify_all()

    async def _keep(self) -> None:
        while self._child is not None:
            code = await self._child.process.wait()
            environment, self._next = self._next, {}
            async with self._changed:
                self.deaths.append(
                    Death(at=time.time(), code=code, armed=self._armed, told=self._told)
                )
                self._told = False
                self._changed.notify_all()
            if code != -signal.SIGKILL:
                await asyncio.sleep(AGAIN)
            await self._spawn(environment)

    async def _leave(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self._keeper = None


def _lives(pid: int) -> bool:
    """
    Say whether a process is there and holds anything.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
