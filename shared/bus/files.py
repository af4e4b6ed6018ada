"""Small files that are always whole."""

import os
from pathlib import Path


def replace(path: Path, data: bytes) -> None:
    """
    Write a file by rename, so that a reader sees the old or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_bytes(data)
    new.replace(path)


def sync_directory(path: Path) -> None:
    """
    Make the names in a directory durable.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
