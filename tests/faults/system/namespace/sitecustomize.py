"""
Let this process ask a name server of our own: it sees another ``/etc/resolv.conf`` than its host.

It takes a mount namespace for itself and its children. Where no file is named, nothing happens.
"""

import ctypes
import os
from pathlib import Path

NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x40000
DETACH = 2  # MNT_DETACH


def _install(path: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *words: object) -> None:
        if getattr(libc, name)(*words):
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")

    call("unshare", NEW_MOUNTS)
    call("mount", None, b"/", None, RECURSIVE | PRIVATE, None)
    call("mount", os.fsencode(path), b"/etc/resolv.conf", None, BIND, None)
    # What is mounted here stays mounted, whoever takes it away outside.
    for device, folder, *_ in map(str.split, Path("/proc/self/mounts").read_text().splitlines()):
        if device.startswith("/dev/loop"):
            call("umount2", os.fsencode(folder), DETACH)


if "FAULTS_RESOLV_CONF" in os.environ:
    # Its children have the namespace already.
    _install(os.environ.pop("FAULTS_RESOLV_CONF"))
