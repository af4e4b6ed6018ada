"""Small files that are always whole."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()
_SMALL = 1024 * 1024  # bytes; ours hold a few lines


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


def kept(path: Path, limit: int = _SMALL) -> bytes:
    """
    Return what a file of ours holds; one that is missing, or cannot be ours, is like an empty one.
    """
    try:
        found = path.stat()
        # Looked at before it is read: a pipe would be waited for, a huge file fill the memory.
        if stat.S_ISREG(found.st_mode) and found.st_size <= limit:
            return path.read_bytes()
        log.error("file passed over", path=str(path), size=found.st_size)
    except FileNotFoundError:
        return b""
    except OSError as error:
        log.error("file passed over", path=str(path), error=error.strerror)  # noqa: TRY400
    return b""


def kept_map(path: Path) -> Mapping[str, Any]:
    """
    Return the JSON object in a file of ours; one that is damaged is like an empty one.
    """
    text = kept(path)
    try:
        found = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    log.error("file passed over", path=str(path), error="no JSON object")
    return {}


def sync_directory(path: Path) -> None:
    """
    Make the names in a directory durable.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
