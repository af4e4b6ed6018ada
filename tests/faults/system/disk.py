"""
A small file system for the streams of the bus, which can be full.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.system.ground import Nats

SIZE = 64  # megabytes; a workload of a minute takes a few
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
        with self._filler.open("wb") as file:
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
async def small_disk(nats: Nats) -> AsyncIterator[Disk]:
    """
    Let the bus keep its streams on a small disk while the block runs; it restarts for that.
    """
    folder = nats.folder / "jetstream"
    aside = nats.folder / "jetstream.aside"
    await nats.stop()
    await asyncio.to_thread(folder.rename, aside)
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "faults", str(folder))
    try:
        await asyncio.to_thread(shutil.copytree, aside, folder, dirs_exist_ok=True)
        await nats.start()
        yield (disk := Disk(folder))
        disk.clear()
    finally:
        await nats.stop()
        await asyncio.to_thread(shutil.rmtree, aside)
        await asyncio.to_thread(shutil.copytree, folder, aside)
        _run("umount", str(folder))
        folder.rmdir()
        aside.rename(folder)
        await nats.start()


def _run(*words: str) -> None:
    subprocess.run(words, check=True, timeout=30)
