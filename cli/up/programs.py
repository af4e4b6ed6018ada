"""
Build our Go programs once per machine, into a cache keyed by their sources.

`python -m cli.up.programs devcluster renderer` builds those named and prints where they are.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from cli.up.compile import run_compiler
from cli.up.errors import UpError
from cli.up.toolchain import Go, cache_root, find_go

ROOT = Path(__file__).resolve().parents[2]
GIB = 2**30
# What Kubernetes' own build writes into its binaries; without it the server calls itself v0.0.0.
_KUBERNETES = "k8s.io/component-base/version"
# Builds that stay in the cache, the newest included: checkouts and branches use them in turn.
KEPT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """
    One Go program: where its sources are and what its first build takes.
    """

    name: str
    source: Path
    # Modules, build cache and binary of a first build.
    disk: int
    # Packages that a first build compiles, for the progress lines.
    packages: int
    linker: str


DEVCLUSTER = Program(
    name="devcluster",
    source=ROOT / "tools" / "devcluster",
    disk=5 * GIB,
    packages=2600,
    linker=f"-s -w -X {_KUBERNETES}.gitVersion=v1.37.2"
    f" -X {_KUBERNETES}.gitMajor=1 -X {_KUBERNETES}.gitMinor=37",
)
RENDERER = Program(
    name="renderer", source=ROOT / "renderer", disk=GIB, packages=350, linker="-s -w"
)
PROGRAMS = {program.name: program for program in (DEVCLUSTER, RENDERER)}


def build(program: Program, *, report: Callable[[str], None], cache: Path | None = None) -> Path:
    """
    Return the program's binary, after building it if these sources were not built before.
    """
    cache = cache or cache_root()
    if not (program.source / "go.mod").is_file():
        raise UpError(
            f"{program.name} cannot be built: its sources are expected in {program.source}; run"
            " from a checkout of the repository"
        )
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UpError(
            f"{cache} cannot be used as the cache of built programs: {error.strerror}; expected is"
            " a directory that you may write to: mend it, or name another with XDG_CACHE_HOME"
        ) from error
    with _lock(cache / f"{program.name}.lock", program.name, report):
        go = find_go(report=report, cache=cache)
        target = cache / f"{program.name}-{key(program, go.version)[:16]}" / program.name
        if target.is_file():
            # The time of use decides what `_tidy` keeps.
            os.utime(target.parent)
            return target
        _require_disk(program, cache)
        _build(program, go, target, report)
        _tidy(program.name, cache)
    return target


def key(program: Program, go_version: str) -> str:
    """
    Digest all that decides what the binary is.
    """
    digest = hashlib.sha256(f"{go_version}\0{program.linker}\0".encode())
    for path in _sources(program.source):
        content = path.read_bytes()
        name = path.relative_to(program.source).as_posix()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if (path.suffix == ".go" and not path.name.endswith("_test.go"))
        or path.name in {"go.mod", "go.sum"}
    )


def _build(program: Program, go: Go, target: Path, report: Callable[[str], None]) -> None:
    # Under the lock nobody else builds this program: these are of builds that were killed.
    for left in target.parents[1].glob(f".build-{program.name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    report(f"{program.name}: building with {go.version}; the first time takes minutes")
    prefix = f".build-{program.name}-"
    with tempfile.TemporaryDirectory(dir=target.parents[1], prefix=prefix) as temporary:
        output = Path(temporary) / program.name
        command = [str(go.program), "build", "-v", "-buildvcs=false"]
        command += ["-ldflags", program.linker, "-o", str(output), "."]
        run_compiler(command, program.source, program.name, program.packages, report)
        # The directory appears with its binary in it or not at all.
        Path(temporary).rename(target.parent)
    report(f"{program.name}: built")


@contextmanager
def _lock(path: Path, name: str, report: Callable[[str], None]) -> Iterator[None]:
    """
    Let one process at a time build a program; the kernel frees the lock of one that was killed.
    """
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"{name}: waiting for another build of it on this machine")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _require_disk(program: Program, cache: Path) -> None:
    free = shutil.disk_usage(cache).free
    if free < program.disk:
        raise UpError(
            f"{program.name} cannot be built: modules and build cache need"
            f" {program.disk / GIB:.0f} GiB of disk, {cache} has {free / GIB:.1f} GiB free; make"
            " room, or set XDG_CACHE_HOME, GOMODCACHE and GOCACHE to directories on another disk"
        )


def _tidy(name: str, cache: Path) -> None:
    """
    Remove builds not used for longest. One that still runs is not disturbed: its file stays open.
    """
    builds = [path.parent for path in cache.glob(f"{name}-*/{name}")]
    builds.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for old in builds[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def main(names: Sequence[str]) -> int:
    """
    Build the named programs: paths to standard output, progress to standard error.
    """
    unknown = sorted(set(names) - set(PROGRAMS))
    if unknown or not names:
        known = " ".join(PROGRAMS)
        sys.stderr.write(f"error: expected one or more of: {known}; got: {' '.join(names)}\n")
        return 2
    # A stop from outside takes the way of an exception, which ends the compiler too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        for name in names:
            path = build(PROGRAMS[name], report=lambda line: _say(sys.stderr, line))
            _say(sys.stdout, str(path))
    except UpError as error:
        _say(sys.stderr, f"error: {error}")
        return 1
    return 0


def _say(stream: TextIO, line: str) -> None:
    print(line, file=stream, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
