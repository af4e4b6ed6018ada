"""
Start a development cluster as a child process, wait until it is ready, and stop it.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.up.assets import start_assets
from cli.up.building import build_program
from cli.up.children import Child, start_child
from cli.up.errors import UpError
from cli.up.programs import DEVCLUSTER

# Ready after 3 s on an idle machine; the launcher itself gives up after 90 s.
READY_TIMEOUT = 100.0
# The launcher promises 5 s; what is left after that is killed.
STOP_TIMEOUT = 6.0


def _silent(_: str) -> None:
    """
    Report nothing.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class DevCluster:
    """
    A running control plane on loopback, ours to stop.
    """

    kubeconfig: Path
    address: str
    # The main process, first; its own children end with it.
    children: tuple[Child, ...]
    # Where throw-away state of an asset cluster lives, so that it goes with the cluster.
    scratch: tempfile.TemporaryDirectory[str] | None = None

    @property
    def pid(self) -> int:
        """
        Return the process id of the launcher.
        """
        return self.children[0].pid

    def __repr__(self) -> str:
        state = "stopped" if self.children[0].returncode is not None else "running"
        return f"<DevCluster {state} at {self.address}, pid {self.pid}>"

    @classmethod
    async def start(
        cls,
        data_dir: Path | None,
        *,
        logs: Path,
        kubeconfig: Path | None = None,
        audit_log: Path | None = None,
        report: Callable[[str], None] = _silent,
        environment: Mapping[str, str] = os.environ,
        port: int = 0,
    ) -> "DevCluster":
        """
        Start a cluster and return when it is ready.

        Args:
            data_dir: kept between starts; None throws the state away at the end.
            logs: directory of one log file per part.
            kubeconfig: where the administrator's login goes; in `logs` if None.
            audit_log: file for the API server's audit log at metadata level.
            report: takes lines of progress, while the program is built for the first time.
            environment: `KUBEBUILDER_ASSETS` in it names the binaries to run instead of ours.
            port: of the API server, 0 for any; binaries from elsewhere take any.
        """
        kubeconfig = _clean(logs, kubeconfig)
        assets = environment.get("KUBEBUILDER_ASSETS")
        if assets:
            scratch = tempfile.TemporaryDirectory(prefix="setpoint-assets-")
            try:
                started = await start_assets(
                    Path(assets), data_dir or Path(scratch.name), kubeconfig, logs, audit_log
                )
            except BaseException:
                scratch.cleanup()
                raise
            return cls(
                kubeconfig=kubeconfig,
                address=started.address,
                children=started.children,
                scratch=scratch,
            )
        program = await build_program(DEVCLUSTER, report=report)
        arguments = [*_arguments(data_dir, logs, kubeconfig, audit_log), f"--port={port}"]
        child = await start_child(program, arguments, logs / "devcluster.log", listen=True)
        try:
            address = await _ready(child)
        except BaseException:
            await child.stop(STOP_TIMEOUT)
            raise
        return cls(kubeconfig=kubeconfig, address=address, children=(child,))

    async def stop(self) -> None:
        """
        Stop the cluster and everything that it started. A second call does nothing.
        """
        for child in self.children:
            await child.stop(STOP_TIMEOUT)
        if self.scratch:
            self.scratch.cleanup()


def _clean(logs: Path, kubeconfig: Path | None) -> Path:
    logs.mkdir(parents=True, exist_ok=True)
    kubeconfig = (kubeconfig or logs / "kubeconfig").absolute()
    # Its existence tells others that the cluster is ready: no old one may say so.
    kubeconfig.unlink(missing_ok=True)
    return kubeconfig


def _arguments(
    data_dir: Path | None, logs: Path, kubeconfig: Path, audit_log: Path | None
) -> list[str]:
    arguments = [f"--kubeconfig={kubeconfig}", f"--log-dir={logs.absolute()}"]
    # The launcher also ends when this process is killed and cannot stop it.
    arguments.append(f"--die-with-parent={os.getpid()}")
    if data_dir is not None:
        arguments.append(f"--data-dir={data_dir.absolute()}")
    if audit_log is not None:
        arguments.append(f"--audit-log={audit_log.absolute()}")
    return arguments


async def _ready(child: Child) -> str:
    """
    Return the address from the one line that the launcher prints when the cluster is ready.
    """
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            line = await child.line()
    except TimeoutError as error:
        raise UpError(
            f"devcluster is not ready after {READY_TIMEOUT:.0f} s; {child.quoted()}\nIs the"
            " machine very busy? Try again; the parts' own logs are beside that file."
        ) from error
    fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
    if not line.startswith("ready ") or "address" not in fields:
        raise UpError(f"devcluster ended before it was ready; {child.quoted()}")
    return fields["address"]
