"""
The folder `.setpoint/`: where it is, who holds it, and the files that a second terminal reads.
"""

import fcntl
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from cli.up.errors import UpError

FOLDER = ".setpoint"
_PRIVATE = 0o700


class State:
    """
    The state of one running system on this machine.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = root / "env"
        self.activate = root / "activate"
        self.kubeconfig = root / "kubeconfig"
        self.logs = root / "logs"
        self.webhooks = root / "webhooks.jsonl"
        self._lock: TextIO | None = None

    @classmethod
    def beside(cls, folder: Path) -> "State":
        """
        Return the state that belongs to a checkout.
        """
        return cls(folder.resolve() / FOLDER)

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
                f"Setpoint is already up here (process {self.holder()}). Use it with "
                f"`. {FOLDER}/activate`, or stop it with `make down`"
            ) from exc
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._lock = file

    def holder(self) -> int | None:
        """
        Return the process that holds the lock, None if nobody does.
        """
        path = self.root / "lock"
        try:
            with path.open("r+", encoding="ascii") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    text = file.read().strip()
                    return int(text) if text.isdigit() else None
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

    def write_env(self, values: Mapping[str, str]) -> None:
        """
        Write `env` by one rename: plain shell assignments.
        """
        # Quoted always, as the interface says: shlex leaves out quotes that it does not need.
        lines = [
            "{}='{}'\n".format(name, value.replace("'", "'\"'\"'")) for name, value in values.items()
        ]
        _replace(self.env, "".join(lines))

    def write_activate(self, binaries: Path) -> None:
        """
        Write the file that a second terminal sources.
        """
        _replace(
            self.activate,
            f"set -a\n. {shlex.quote(str(self.env))}\nset +a\n"
            f"PATH={shlex.quote(str(binaries))}:$PATH\nexport PATH\n",
        )


def _replace(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
