"""
What processes cost, from `/proc`: CPU seconds and resident memory.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common.system import SERVICES, System

GROUND = ("devcluster", "kube-apiserver", "kube-controller-manager", "nats-server")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MEGABYTE = 1e6
_RECEIVED = re.compile(r"bytes_received:(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """
    One process: CPU seconds since its start, resident megabytes now and at most.
    """

    cpu: float
    memory: float
    peak: float


def usage(pid: int) -> Usage:
    """
    Read a process; one that is gone has used nothing.
    """
    folder = Path(f"/proc/{pid}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        lines = (folder / "status").read_text().splitlines()
    except OSError:
        return Usage(cpu=0.0, memory=0.0, peak=0.0)
    peak = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), "0")
    return Usage(
        cpu=(int(fields[11]) + int(fields[12])) / _TICKS,
        memory=int(fields[21]) * _PAGE / _MEGABYTE,
        peak=int(peak) * 1024 / _MEGABYTE,
    )


def written(pid: int) -> int:
    """
    Return the bytes that a process has written so far, to pipes too; 0 if it is gone.
    """
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))


def received(pid: int) -> int:
    """
    Return the bytes that came over the TCP connections which a process holds now.

    What came over connections that are closed is not in it.
    """
    said = subprocess.run(["ss", "-tinpH"], check=True, capture_output=True).stdout.decode()
    found, ours = 0, False
    for line in said.splitlines():
        if line[:1].isspace():
            match = _RECEIVED.search(line)
            found += int(match[1]) if ours and match else 0
        else:
            ours = f"pid={pid}," in line
    return found


def children(pid: int) -> list[int]:
    """
    Return the processes that one has started itself, in the order of their start.
    """
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(word) for word in task.read_text().split()]
    return sorted(found)


def ground(parent: int) -> dict[str, int]:
    """
    Return the process ids of what the services stand on: the control plane's parts and NATS.

    ``parent`` is the process that started them.
    """
    found, new = {}, children(parent)
    while new:
        for pid in new:
            with suppress(OSError):  # it has ended
                name = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
                if Path(name).name in GROUND:
                    found[Path(name).name] = pid
        new = [child for pid in new for child in children(pid)]
    return found


def parts(system: System) -> dict[str, int]:
    """
    Return the process ids of everything, by name; workers are numbered.
    """
    found = ground(system.up) | {"setpoint up": system.up, "this program": os.getpid()}
    for name in SERVICES:
        pid = system.pid(name)
        found[name] = pid
        found |= {f"{name} worker {n}": child for n, child in enumerate(children(pid))}
    return found


class Meter:
    """
    What each part has used since the meter was made.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._before = {pid: usage(pid).cpu for pid in parts(system).values()}

    def read(self) -> dict[str, Usage]:
        """
        Return the usage by part: CPU since the beginning, memory as it is.
        """
        found = {}
        for name, pid in parts(self._system).items():
            now = usage(pid)
            cpu = round(now.cpu - self._before.get(pid, 0.0), 2)
            found[name] = Usage(cpu=cpu, memory=round(now.memory, 1), peak=round(now.peak, 1))
        return found


def workers(read: Mapping[str, Usage], service: str) -> Usage:
    """
    Sum up the workers of a service.
    """
    found = [one for name, one in read.items() if name.startswith(f"{service} worker")]
    return Usage(
        cpu=round(sum(one.cpu for one in found), 2),
        memory=round(sum(one.memory for one in found), 1),
        peak=round(sum(one.peak for one in found), 1),
    )
