"""
A disk with a real file system, whose power can be cut and which can turn read-only under its users.

It is ext4 on a file. A tmpfs or a mount made read-only would not do: the first forgets everything,
and the second is refused while somebody has a file open, which is just when it happens.
"""

import asyncio
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.system.disk import User

SIZE = 256  # megabytes; the file has holes
_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN of the kernel's ext4.h
_NOTHING_FLUSHED = 2  # its flag: neither the journal nor what is cached reaches the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopDisk:
    """
    The file system on ``image``, mounted at ``folder``.
    """

    folder: Path
    image: Path

    def cut_power(self) -> None:
        """
        Lose at once all that was not synced; who has it mounted sees errors until ``replug``.
        """
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _NOTHING_FLUSHED))
        finally:
            os.close(handle)

    def turn_read_only(self) -> None:
        """
        Report an error to the file system, which then takes no write, not of open files either.
        """
        device = _run("findmnt", "-no", "SOURCE", str(self.folder)).rpartition("/")[2]
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("a disk that fails\n")

    def replug(self) -> None:
        """
        Take it away and give it back, with its journal replayed; nobody may use it.
        """
        _run("umount", str(self.folder))
        # 1: there were errors, and they are mended.
        _run("e2fsck", "-p", str(self.image), good=(0, 1))
        self.mount()

    def mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.folder))


@asynccontextmanager
async def loop_disk(folder: Path, user: User) -> AsyncIterator[LoopDisk]:
    """
    Let someone keep a folder on such a disk while the block runs; it restarts for that.
    """
    disk = LoopDisk(folder=folder, image=folder.with_name(f"{folder.name}.img"))
    aside = folder.with_name(f"{folder.name}.aside")
    await user.stop()
    await asyncio.to_thread(_put_aside, disk, aside)
    try:
        await user.start()
        yield disk
    finally:
        await user.stop()
        await asyncio.to_thread(_take_back, disk, aside)
        await user.start()


def _put_aside(disk: LoopDisk, aside: Path) -> None:
    with disk.image.open("wb") as file:
        file.truncate(SIZE * 2**20)
    _run("mkfs.ext4", "-q", "-F", str(disk.image))
    disk.folder.rename(aside)
    disk.folder.mkdir()
    disk.mount()
    shutil.copytree(aside, disk.folder, dirs_exist_ok=True)
    os.sync()


def _take_back(disk: LoopDisk, aside: Path) -> None:
    shutil.rmtree(aside)
    shutil.copytree(disk.folder, aside, ignore=shutil.ignore_patterns("lost+found"))
    _run("umount", str(disk.folder))
    disk.folder.rmdir()
    disk.image.unlink()
    aside.rename(disk.folder)


def _run(*words: str, good: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(words, check=False, timeout=30, capture_output=True, text=True)
    assert done.returncode in good, f"{' '.join(words)}: {done.stderr.strip()}"
    return done.stdout.strip()
