"""
Who we are in a Lease: an id that a data directory keeps, and one process at a time may use.
"""

import fcntl
import os
import secrets
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.errors import StalledError

_ID_LIMIT = 256  # characters; what is longer was not written by us


class Holder:
    """
    The locked file ``holder`` of a data directory.

    After a crash the same directory gives the same id, so its own Lease is taken back at once.
    """

    def __init__(self, file: int, identity: str) -> None:
        self._file = file
        self.identity = identity

    @classmethod
    def open(cls, folder: Path) -> Self:
        """
        Lock the directory's id, making one if there is none.

        Raises:
            StalledError: Another process has locked it, or it cannot be written.

        """
        path = folder / "holder"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StalledError(
                f"{path} cannot be written ({exc.strerror}); give the service a data directory"
                " of its own",
                reason="DataDirectory",
            ) from exc
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(file, _identity(file))
        except BlockingIOError as exc:
            os.close(file)
            raise StalledError(
                f"another process uses {folder}; stop it, or set another data directory",
                reason="DataDirectoryInUse",
            ) from exc
        except OSError as exc:
            os.close(file)
            raise StalledError(
                f"{path} cannot be read or written ({exc.strerror}); remove it",
                reason="DataDirectory",
            ) from exc

    def close(self) -> None:
        """
        Let another process have the directory.
        """
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Holder({self.identity})"


def _identity(file: int) -> str:
    text = os.pread(file, _ID_LIMIT, 0).decode("ascii", "replace")
    identity = text.strip()
    if text.endswith("\n") and identity.isprintable() and identity:
        return identity
    identity = f"{socket.gethostname()}_{secrets.token_hex(8)}"
    os.ftruncate(file, 0)  # a torn id is nobody's
    os.pwrite(file, f"{identity}\n".encode(), 0)
    os.fsync(file)
    return identity
