"""
The system that is measured: `setpoint up` in a folder of its own, and what a user would do to it.
"""

import asyncio
import os
import shlex
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from shared.kube import Kube

SETPOINT = Path(sys.executable).with_name("setpoint")
SERVICES = ("source", "reconciler", "notifier")
START_TIMEOUT, STOP_TIMEOUT = 120.0, 15.0
_LOOK = 0.02  # seconds between looks at what another process writes


class System:
    """
    A running `setpoint up` whose example is Ready, and a clone of the example's repository.
    """

    def __init__(self, home: Path, up: int, kube: Kube, ready_seconds: float) -> None:
        self.home = home
        self.up = up  # the process id of `setpoint up`
        self.kube = kube
        self.ready_seconds = ready_seconds
        self.work = home / "work"

    @property
    def env(self) -> dict[str, str]:
        """
        Return what `.setpoint/env` says now; it is written anew when a part is started again.
        """
        lines = (self.home / ".setpoint" / "env").read_text().splitlines()
        pairs = (line.split("=", 1) for line in lines)
        return {name: shlex.split(value)[0] for name, value in pairs}

    @property
    def logs(self) -> Path:
        return self.home / ".setpoint" / "logs"

    @property
    def kubeconfig(self) -> Path:
        return self.home / ".setpoint" / "kubeconfig"

    @property
    def head(self) -> str:
        """
        Return the commit that the clone is at.
        """
        return (self.work / ".git" / "refs" / "heads" / "main").read_text().strip()

    def pid(self, part: str) -> int:
        """
        Return the process id of ``source``, ``reconciler``, ``notifier`` or ``nats``.
        """
        return int(self.env[f"{part.upper()}_PID"])

    async def started_again(self, part: str, before: int) -> int:
        """
        Wait until a part has another process id, and return that.
        """
        async with asyncio.timeout(START_TIMEOUT):
            while (pid := self.pid(part)) == before:  # noqa: ASYNC110 - a file tells it
                await asyncio.sleep(_LOOK)
        return pid

    async def git(self, *words: str, cwd: Path | None = None) -> None:
        who = ["-c", "user.name=Bench", "-c", "user.email=bench@example.com"]
        process = await asyncio.create_subprocess_exec(
            "git", *who, *words, cwd=cwd or self.work, stdout=subprocess.DEVNULL, stderr=-1
        )
        _, said = await process.communicate()
        if process.returncode:
            raise SystemExit(f"git {words[0]}: {said.decode()}")

    async def commit(self, files: Mapping[str, str], *, push: bool = True) -> None:
        """
        Write files, commit, and push unless told not to.
        """
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        await self.git("add", "--all")
        await self.git("commit", "--quiet", "--message", "Measure")
        if push:
            await self.git("push", "--quiet")


@asynccontextmanager
async def running(home: Path, *, audit: bool = False, **environment: str) -> AsyncIterator[System]:
    """
    Start it, give it when the example is Ready, and stop it.

    Args:
        home: An empty folder.
        audit: Have the API server write `audit.log` into the logs: who asked for what.
        environment: Settings of the services.

    """
    begin = time.monotonic()
    given = {name: text for name, text in os.environ.items() if name != "KUBECONFIG"}
    given |= {"SETPOINT_HOME": str(home)} | environment
    if audit:
        given["SETPOINT_UP_AUDIT"] = "yes"
    with (home / "said").open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            SETPOINT, "up", env=given, stdout=said, stderr=said
        )
    env = home / ".setpoint" / "env"
    try:
        async with asyncio.timeout(START_TIMEOUT):
            while not env.exists():
                if process.returncode is not None:
                    raise SystemExit((home / "said").read_text())
                await asyncio.sleep(_LOOK)
        ready = time.monotonic() - begin
        kube = await Kube.connect(home / ".setpoint" / "kubeconfig", name="bench")
        system = System(home, process.pid, kube, ready)
        await system.git("clone", "--quiet", system.env["GIT_URL"], str(system.work), cwd=home)
        try:
            yield system
        finally:
            await kube.close()
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(STOP_TIMEOUT):
            await process.wait()
