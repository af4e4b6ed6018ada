"""
The parts of the running system that are processes: each can be started again where it was.
"""

from collections.abc import Callable
from typing import Protocol

from cli.up.children import Child
from cli.up.cluster import DevCluster
from cli.up.errors import UpError
from cli.up.nats import NatsServer
from cli.up.state import State


class Part(Protocol):
    """
    One process, and the processes that it starts.
    """

    name: str

    @property
    def pid(self) -> int:
        """
        Return the process id.
        """

    async def start(self) -> None:
        """
        Start it, again if it ran before.
        """

    async def wait(self) -> int:
        """
        Wait until it ends and return its exit status, negative for a signal.
        """

    async def stop(self) -> None:
        """
        Stop it; nothing if it does not run.
        """

    def quoted(self) -> str:
        """
        Return the end of its log.
        """


class Nats:
    """
    The bus, on one port for as long as we run.
    """

    name = "nats"

    def __init__(self, state: State, report: Callable[[str], None]) -> None:
        self._state = state
        self._report = report
        self._server: NatsServer | None = None
        self._port = state.port("nats")

    @property
    def server(self) -> NatsServer:
        """
        The server that runs.
        """
        if self._server is None:
            raise UpError("NATS is not started yet")
        return self._server

    @property
    def pid(self) -> int:
        """
        Return the process id.
        """
        return self.server.pid

    async def start(self) -> None:
        """
        Start it, on the port of last time.
        """
        self._server = await NatsServer.start(
            self._state.data("nats"),
            report=self._report,
            port=self._port,
            log=self._state.logs / "nats.log",
        )
        self._port = self._server.port
        self._state.keep_port("nats", self._port)

    async def wait(self) -> int:
        """
        Wait until it ends.
        """
        return await self.server.wait()

    async def stop(self) -> None:
        """
        Stop it.
        """
        if self._server is not None:
            await self._server.stop()

    def quoted(self) -> str:
        """
        Return the end of its log.
        """
        return Child.end_of(self._state.logs / "nats.log")


class Cluster:
    """
    A cluster of our own, on one port for as long as we run.
    """

    name = "cluster"

    def __init__(self, state: State, report: Callable[[str], None], *, audit: bool = False) -> None:
        self._state = state
        self._report = report
        self._audit_log = state.logs / "audit.log" if audit else None
        self._cluster: DevCluster | None = None
        self._port = state.port("cluster")

    @property
    def pid(self) -> int:
        """
        Return the process id.
        """
        return self._running.pid

    @property
    def address(self) -> str:
        """
        The address of the API server.
        """
        return self._running.address

    @property
    def _running(self) -> DevCluster:
        if self._cluster is None:
            raise UpError("the cluster is not started yet")
        return self._cluster

    async def start(self) -> None:
        """
        Start it, on the port of last time.
        """
        self._cluster = await DevCluster.start(
            self._state.data("cluster"),
            logs=self._state.logs / "cluster",
            kubeconfig=self._state.kubeconfig,
            audit_log=self._audit_log,
            report=self._report,
            port=self._port,
        )
        self._port = int(self._cluster.address.rpartition(":")[2])
        self._state.keep_port("cluster", self._port)

    async def wait(self) -> int:
        """
        Wait until it ends.
        """
        return await self._running.children[0].process.wait()

    async def stop(self) -> None:
        """
        Stop it.
        """
        if self._cluster is not None:
            await self._cluster.stop()

    def quoted(self) -> str:
        """
        Return the end of its log.
        """
        return self._running.children[0].quoted()
