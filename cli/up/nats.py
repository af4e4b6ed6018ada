"""
A NATS server of our own on loopback: one user per service, all of JetStream synced to disk.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Self

from cli.up.children import Child, dying_with_parent, start_child
from cli.up.errors import UpError
from shared.bus.users import ADMIN, ANY_PORT, LOOPBACK, USERS, server_config

START_TIMEOUT = 10.0  # seconds; a start takes 5 ms, reading back gigabytes of streams takes longer
STOP_TIMEOUT = 5.0  # seconds
LOOK_EVERY = 0.002  # seconds between looks for the file with the port: the server tells nobody


class NatsServer:
    """
    A running server; passwords and port outlive it in its directory.
    """

    def __init__(self, data_dir: Path, child: Child, port: int) -> None:
        self._data_dir = data_dir
        self._child = child
        self.port = port

    @classmethod
    async def start(
        cls,
        data_dir: Path,
        *,
        report: Callable[[str], None],
        port: int = 0,
        log: Path | None = None,
    ) -> Self:
        """
        Start a server on what the directory holds, and return when it answers.

        Args:
            data_dir: Streams, passwords, configuration and log.
            report: Takes one line about what is done.
            port: 0 for any.
            log: Where its output goes, after what stands there; in the directory if None.

        """
        ports = data_dir / "ports"
        config = _prepare(data_dir, ports, port)
        program = nats_server_program()
        wrapper, arguments = dying_with_parent(program)
        child = await start_child(
            wrapper,
            [*arguments, "-c", str(config)],
            log or data_dir / "nats-server.log",
            append=log is not None,
        )
        try:
            got = await _port(child, ports)
        except BaseException:
            await child.stop(0)
            raise
        report(f"NATS listens on {LOOPBACK}:{got}")
        return cls(data_dir, child, got)

    @property
    def url(self) -> str:
        """
        The address for the user that may do everything, password included.
        """
        password = self.password_file(ADMIN).read_text().strip()
        return f"nats://{ADMIN}:{password}@{LOOPBACK}:{self.port}"

    def url_for(self, user: str) -> str:
        """
        Return the address for a user, without the password: that is in its file.
        """
        return f"nats://{user}@{LOOPBACK}:{self.port}"

    @property
    def address(self) -> str:
        """
        The address alone.
        """
        return f"nats://{LOOPBACK}:{self.port}"

    def password_file(self, user: str) -> Path:
        """
        Return the file that holds a user's password.
        """
        return _password_file(self._data_dir, user)

    @property
    def pid(self) -> int:
        """
        The server's process id.
        """
        return self._child.pid

    @property
    def running(self) -> bool:
        """
        Say whether the process is there.
        """
        return self._child.returncode is None

    async def wait(self) -> int:
        """
        Wait for the server's end and return its exit status.
        """
        return await self._child.process.wait()

    async def stop(self) -> None:
        """
        End the server as it likes to be ended.
        """
        await self._child.stop(STOP_TIMEOUT)

    async def kill(self) -> None:
        """
        End the server at once, as a power cut of the process would.
        """
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._child.process.wait()

    def __repr__(self) -> str:
        state = "running" if self.running else "ended"
        return f"<NatsServer {LOOPBACK}:{self.port} pid={self.pid} {state}>"


def nats_server_program() -> Path:
    """
    Find the server: beside our Python, where its wheel puts it, or on the PATH.

    Raises:
        UpError: There is none.

    """
    scripts = sysconfig.get_path("scripts")
    found = shutil.which("nats-server", path=scripts) or shutil.which("nats-server")
    if found is None:
        raise UpError(
            f"nats-server is neither in {scripts} nor on the PATH; install the extra `up`, which "
            "brings it: uv sync --extra up"
        )
    return Path(found)


def _prepare(data_dir: Path, ports: Path, port: int) -> Path:
    ports.mkdir(parents=True, exist_ok=True)
    for old in ports.glob("*.ports"):
        old.unlink()
    passwords = {user: _password(data_dir, user) for user in USERS}
    config = data_dir / "nats.conf"
    text = server_config(data_dir / "jetstream", passwords, port=port or ANY_PORT, ports_dir=ports)
    _write_secret(config, text)
    return config


async def _port(child: Child, ports: Path) -> int:
    try:
        async with asyncio.timeout(START_TIMEOUT):
            while child.returncode is None:
                if (port := _written_port(ports)) is not None:
                    return port
                await asyncio.sleep(LOOK_EVERY)
    except TimeoutError:
        raise UpError(
            f"nats-server did not listen within {START_TIMEOUT:g} s; {child.quoted()}"
        ) from None
    raise UpError(f"nats-server ended with status {child.returncode}; {child.quoted()}")


def _written_port(ports: Path) -> int | None:
    for file in ports.glob("*.ports"):
        with contextlib.suppress(ValueError, LookupError):  # half written
            return int(json.loads(file.read_text())["nats"][0].rpartition(":")[2])
    return None


def _password(data_dir: Path, user: str) -> str:
    file = _password_file(data_dir, user)
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        _write_secret(file, secrets.token_hex(24) + "\n")
    return file.read_text().strip()


def _password_file(data_dir: Path, user: str) -> Path:
    return data_dir / "passwords" / user


def _write_secret(path: Path, text: str) -> None:
    # The mode is there before the content.
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    new.replace(path)
