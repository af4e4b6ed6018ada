"""Small files that are always whole."""

import os
from pathlib import Path

import structlog

log = structlog.get_logger()


def replace(path: Path, data: bytes) -> None:
    """
    Write a file by rename, so that a reader sees the old or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_bytes(data)
    new.replace(path)


def keep(path: Path, data: bytes) -> None:
    """
    Write a file that only spares the next start some work: a disk that is full stops nothing.
    """
    try:
        replace(path, data)
    except OSError as error:
        log.error("file not kept", path=str(path), error=error.strerror)  # noqa: TRY400


def sync_directory(path: Path) -> None:
    """
    Make the names in a directory durable.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
