"""
What the services stand on, each behind a door that can be hurt: API server, NATS and Git.
"""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from cli.up.cluster import DevCluster
from cli.up.nats import NatsServer
from shared.bus import Bus, BusSettings
from shared.bus.users import ADMIN
from tests.fixtures.freeze import frozen
from tests.fixtures.git import GitHttp, GitRepo, git_http
from tests.fixtures.nats import ignore
from tests.fixtures.proxy import Proxy, proxy_before


class Nats:
    """
    The bus: one server, which can be stopped, wiped and frozen, on one port, behind ``proxy``.
    """

    def __init__(self, folder: Path, server: NatsServer) -> None:
        self.folder = folder
        self.server = server
        self.proxy: Proxy
        self._port = server.port
        self._frozen = contextlib.ExitStack()

    @property
    def address(self) -> str:
        """
        The way that the services take, through the proxy.
        """
        return f"nats://127.0.0.1:{self.proxy.port}"

    async def stop(self) -> None:
        """
        Kill it, as a crash does.
        """
        self.thaw()
        await self.server.kill()

    async def start(self) -> None:
        """
        Start it again on what it has.
        """
        self.server = await NatsServer.start(self.folder, report=ignore, port=self._port)

    async def wipe(self) -> None:
        """
        Kill it, lose all that it holds, and start it again.
        """
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self.folder / "jetstream", ignore_errors=True)
        await self.start()

    def freeze(self) -> None:
        self._frozen.enter_context(frozen(self.server.pid))

    def thaw(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._frozen.close()

    def settings(self, user: str = ADMIN) -> BusSettings:
        """
        Return how to reach it past the proxy.
        """
        return BusSettings(
            url=self.server.address,
            user=user,
            password_file=self.server.password_file(user),
            name=f"faults-{user}",
            connect_wait=5,
        )

    @asynccontextmanager
    async def connected(self, user: str = ADMIN) -> AsyncIterator[Bus]:
        """
        Connect past the proxy.
        """
        bus = await Bus.connect(self.settings(user))
        try:
            yield bus
        finally:
            await bus.close()


@asynccontextmanager
async def nats(folder: Path) -> AsyncIterator[Nats]:
    """
    Run a server while the block runs.
    """
    found = Nats(folder, await NatsServer.start(folder, report=ignore))
    try:
        async with proxy_before("127.0.0.1", found.server.port) as proxy:
            found.proxy = proxy
            yield found
    finally:
        found.thaw()
        await found.server.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """
    A repository, and a server for it behind ``proxy``; ``server.answer`` can refuse requests.
    """

    repo: GitRepo
    server: GitHttp
    proxy: Proxy

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.proxy.port}/{self.repo.name}"

    async def commit(self, files: dict[str, str | bytes | None], message: str = "Change") -> str:
        """
        Write, or remove, files, commit and push; return the commit.
        """
        return await asyncio.to_thread(self.repo.commit, files, message)


@asynccontextmanager
async def git(folder: Path) -> AsyncIterator[Git]:
    """
    Serve a new repository while the block runs.
    """
    repo = await asyncio.to_thread(GitRepo, folder)
    async with (
        git_http(folder) as server,
        proxy_before("127.0.0.1", server.port) as proxy,
    ):
        yield Git(repo=repo, server=server, proxy=proxy)


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[DevCluster]:
    """
    Run a development cluster of our own, which writes down each request.
    """
    found = await start_cluster(folder)
    try:
        yield found
    finally:
        await found.stop()


async def start_cluster(folder: Path, *, port: int = 0) -> DevCluster:
    """
    Start it on what the folder holds.
    """
    return await DevCluster.start(
        folder / "data", logs=folder, audit_log=folder / "audit.log", port=port
    )


def through(kubeconfig: Path, address: str, target: Path) -> Path:
    """
    Write a kubeconfig that leads elsewhere with the same credentials.
    """
    config = yaml.safe_load(kubeconfig.read_text())
    for one in config["clusters"]:
        one["cluster"]["server"] = address
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(config))
    return target
