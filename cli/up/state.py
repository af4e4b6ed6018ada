"""
The folder `.setpoint/`: where it is, who holds it, and the files that a second terminal reads.
"""

import fcntl
import json
import os
import secrets
import shlex
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from cli.up.errors import UpError
from shared.bus.files import kept, kept_map

FOLDER = ".setpoint"
HOME = "SETPOINT_HOME"
_CHECKOUT = Path(__file__).resolve().parents[2]
_PRIVATE = 0o700
_PID_LENGTH = 8  # digits at most; what is longer was not written by us
_PORTS = 65536
_LOOK = 0.05  # seconds between looks whether a lock is free: the kernel tells nobody


class State:
    """
    The state of one running system on this machine.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = root / "env"
        self.activate = root / "activate"
        self.kubeconfig = root / "kubeconfig"
        # One context of a cluster that is not ours.
        self.login = root / "login"
        self.logs = root / "logs"
        self.webhooks = root / "webhooks.jsonl"
        self._lock: TextIO | None = None

    @classmethod
    def beside(cls, folder: Path) -> "State":
        """
        Return the state that belongs to a checkout.
        """
        return cls(folder.resolve() / FOLDER)

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> "State":
        """
        Return the state beside this checkout, or in the folder that `SETPOINT_HOME` names.
        """
        return cls.beside(Path(environment.get(HOME) or _CHECKOUT))

    def data(self, part: str) -> Path:
        """
        Return the data directory of one part, made if it is not there.
        """
        path = self.root / "data" / part
        path.mkdir(parents=True, exist_ok=True)
        return path

    def hold(self) -> None:
        """
        Take the lock for this process.

        Raises:
            UpError: Another `setpoint up` holds it.

        """
        self.root.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        self.logs.mkdir(exist_ok=True)
        file = (self.root / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            file.close()
            raise UpError(
                f"Setpoint is already up here (process {self.holder() or 'unknown'}): use it with "
                f"`. {FOLDER}/activate`, or stop it with `make down`"
            ) from exc
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._lock = file
        # One that was killed leaves it behind.
        self.env.unlink(missing_ok=True)

    def holder(self) -> int | None:
        """
        Return the process that holds the lock, None if nobody does, 0 if it cannot be told.
        """
        path = self.root / "lock"
        try:
            with path.open("r+b") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    text = file.read(2 * _PID_LENGTH).strip()
                    return int(text) if text.isdigit() and len(text) <= _PID_LENGTH else 0
        except OSError:
            return None
        return None

    def release(self) -> None:
        """
        Give the lock back; the files for other terminals go first.
        """
        self.env.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def freed(self, within: float) -> bool:
        """
        Wait until nobody holds the lock; say whether that came.
        """
        end = time.monotonic() + within
        while self.holder() is not None:
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK)
        return True

    def port(self, part: str) -> int:
        """
        Return the port that a part had the last time, 0 for any if it is not free.
        """
        port = self._ports().get(part, 0)
        try:
            # As servers bind: what is left of old connections does not matter.
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            return 0
        return port

    def keep_port(self, part: str, port: int) -> None:
        """
        Remember a port, so that addresses which people have noted hold after a restart.
        """
        _replace(self.root / "ports", json.dumps(self._ports() | {part: port}))

    def _ports(self) -> dict[str, int]:
        found = kept_map(self.root / "ports")
        return {part: port for part, port in found.items() if is_port(port)}

    @property
    def foreign(self) -> str:
        """
        The cluster that is not ours and holds the example, empty if there is none.
        """
        text = kept(self.root / "foreign-cluster").decode(errors="replace").strip()
        return "".join(sign if sign.isprintable() else "?" for sign in text)

    def keep_foreign(self, cluster: str) -> None:
        """
        Remember in whose cluster the example is, for `setpoint down`.
        """
        if cluster:
            _replace(self.root / "foreign-cluster", cluster + "\n")
        else:
            (self.root / "foreign-cluster").unlink(missing_ok=True)

    def token(self, name: str) -> str:
        """
        Return a secret that is made at the first call and kept with the state.
        """
        path = self.root / f"{name}-token"
        token = kept(path).decode(errors="replace")
        if not token or not token.isascii() or not token.isprintable():
            token = secrets.token_hex(24)
            self.write_secret(path, token)
        return token

    def write_secret(self, path: Path, text: str) -> None:
        """
        Write a file that only its owner can read.
        """
        _replace(path, text, mode=0o600)

    def write_env(self, values: Mapping[str, str]) -> None:
        """
        Write `env` by one rename: plain shell assignments.
        """
        # Quoted always, as the interface says: shlex leaves out quotes that it does not need.
        lines = [
            "{}='{}'\n".format(name, value.replace("'", "'\"'\"'"))
            for name, value in values.items()
        ]
        # NATS_URL holds a password.
        _replace(self.env, "".join(lines), mode=0o600)

    def write_activate(self, binaries: Path) -> None:
        """
        Write the file that a second terminal sources.
        """
        _replace(
            self.activate,
            f"set -a\n. {shlex.quote(str(self.env))}\nset +a\n"
            f"PATH={shlex.quote(str(binaries))}:$PATH\nexport PATH\n",
        )


def is_port(found: object) -> bool:
    """
    Say whether somebody can listen there.
    """
    return isinstance(found, int) and 0 < found < _PORTS


def _replace(path: Path, text: str, mode: int = 0o644) -> None:
    part = path.with_name(path.name + ".part")
    part.touch(mode=mode)
    part.write_text(text, encoding="utf-8")
    part.replace(path)
