"""
The Git worker: a child process that looks at one origin at a time, and can be killed at any point.

It reads jobs from stdin and writes answers to stdout; credentials come with the job and are never
in arguments or environment. It dies with its parent.
"""

import ctypes
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from services.source.adapters.ancestry import ancestry
from services.source.adapters.git import look
from services.source.adapters.job import Answer, Job, frame, read_job
from services.source.adapters.trouble import explain

_DATA_LIMIT = 640 * 1024 * 1024  # bytes of memory; the largest artifact needs about half
_FILE_LIMIT = 512 * 1024 * 1024  # bytes of one file; twice the largest pack
_RESTART_RSS = 160 * 1024 * 1024  # bytes at the peak, after which a new process is cheaper
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


def main() -> None:
    """
    Serve until the pipe is closed.
    """
    incoming, outgoing = _protect()
    while (job := read_job(incoming)) is not None:
        answer, archive, entries = _perform(job)
        large = _peak() > _RESTART_RSS
        for part in frame(replace(answer, last=large), archive, entries):
            outgoing.write(part)
        outgoing.flush()
        if large:
            return
        del archive, entries


def _peak() -> int:
    """
    Return the most memory that we ever held, in bytes.

    ``getrusage`` would count what our parent had held when it started us.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith("VmHWM:"))
    return int(found.split()[1]) * 1024


def _perform(job: Job) -> tuple[Answer, bytes, bytes]:
    try:
        return (ancestry(job), b"", b"") if job.head else look(job)
    except Exception as exc:  # noqa: BLE001 - a child answers, whatever happens
        return explain(job, exc), b"", b""


def _protect() -> tuple[BinaryIO, BinaryIO]:
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_DATA, (_DATA_LIMIT, _DATA_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_LIMIT, _FILE_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What a library prints must not mix with the answers.
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return incoming, outgoing


if __name__ == "__main__":
    main()
