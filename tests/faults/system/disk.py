"""
A small file system for what a part of the system keeps, which can be full.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ROOM = 64  # megabytes beside what is there; a workload of a minute takes a few
LEFT = 128 * 1024  # bytes that stay free, so that the last writes of all end in their middle


@dataclass(frozen=True, slots=True)
class Disk:
    """
    A mounted folder.
    """

    folder: Path

    def fill(self) -> None:
        """
        Leave no room but a little.
        """
        # Its user may take of it meanwhile.
        with suppress(OSError), self._filler.open("wb") as file:
            file.write(bytes(max(0, shutil.disk_usage(self.folder).free - LEFT)))

    def clear(self) -> None:
        """
        Give the room back.
        """
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


@asynccontextmanager
async def small_disk(folder: Path, user: "User") -> AsyncIterator[Disk]:
    """
    Let someone keep a folder on a small disk while the block runs; it restarts for that.
    """
    aside = folder.with_name(f"{folder.name}.aside")
    await user.stop()
    await asyncio.to_thread(_put_aside, folder, aside)
    try:
        await user.start()
        yield (disk := Disk(folder))
        disk.clear()
    finally:
        await user.stop()
        await asyncio.to_thread(_take_back, folder, aside)
        await user.start()


def _put_aside(folder: Path, aside: Path) -> None:
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    folder.rename(aside)
    folder.mkdir()
    size = (there >> 20) + ROOM
    _run("mount", "-t", "tmpfs", "-o", f"size={size}m", "faults", str(folder))
    shutil.copytree(aside, folder, dirs_exist_ok=True)


def _take_back(folder: Path, aside: Path) -> None:
    shutil.rmtree(aside)
    shutil.copytree(folder, aside)
    _run("umount", str(folder))
    folder.rmdir()
    aside.rename(folder)


class User(Protocol):
    """
    Who has the folder.
    """

    async def stop(self) -> None: ...

    async def start(self) -> None: ...


def _run(*words: str) -> None:
    subprocess.run(words, check=True, timeout=30)
