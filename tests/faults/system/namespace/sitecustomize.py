"""
Let this process ask a name server of our own: it sees another ``/etc/resolv.conf`` than its host.

It takes a mount namespace for itself and its children. Where no file is named, nothing happens.
"""

import ctypes
import os

NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
BIND, RECURSIVE, PRIVATE = 0x1000, 0x4000, 0x40000


def _install(path: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name: str, *words: object) -> None:
        if getattr(libc, name)(*words):
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")

    call("unshare", NEW_MOUNTS)
    call("mount", None, b"/", None, RECURSIVE | PRIVATE, None)
    call("mount", os.fsencode(path), b"/etc/resolv.conf", None, BIND, None)


if "FAULTS_RESOLV_CONF" in os.environ:
    # Its children have the namespace already.
    _install(os.environ.pop("FAULTS_RESOLV_CONF"))
