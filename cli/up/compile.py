"""
Run the Go compiler with progress lines and an error that a user can act on.
"""

import re
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

from cli.up.errors import UpError
from cli.up.toolchain import go_environment

# Seconds between progress lines: often enough to see life, seldom enough for a log.
PROGRESS = 10.0
# Lines of the compiler's output that an error quotes.
QUOTED = 12
# `go build -v` names each package on a line of its own.
_PACKAGE = re.compile(r"^[\w.~-]+(/[\w.~-]+)*$")


def run_compiler(
    command: list[str], folder: Path, name: str, packages: int, report: Callable[[str], None]
) -> None:
    """
    Run a `go build -v`, reporting how far it is.
    """
    reader = _Reader(main_package(folder))
    begin = time.monotonic()
    with subprocess.Popen(  # noqa: S603 - the toolchain and constants
        command,
        cwd=folder,
        env=go_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        thread = threading.Thread(target=reader.read, args=(process.stderr,), daemon=True)
        thread.start()
        try:
            while not _ended(process):
                elapsed = time.monotonic() - begin
                report(f"{name}: building, {elapsed:.0f} s, {reader.progress(packages)}")
        except BaseException:
            # Ctrl-C, or an error of the caller's report: no compiler stays behind.
            process.terminate()
            raise
        thread.join()
    if process.returncode != 0:
        raise UpError(
            f"{name} cannot be built from {folder}: `go build` ended with {process.returncode}:\n"
            f"{reader.tail()}\nCheck the connection to the Go module proxy (GOPROXY) and the free"
            " disk space, then try again."
        )


def main_package(folder: Path) -> str:
    """
    Return the path of a module's main package: the last to be compiled, before all is linked.
    """
    words = (folder / "go.mod").read_text(encoding="utf-8").split()
    return words[words.index("module") + 1]


def _ended(process: subprocess.Popen[str]) -> bool:
    try:
        process.wait(timeout=PROGRESS)
    except subprocess.TimeoutExpired:
        return False
    return True


class _Reader:
    """
    Count what `go build -v` says and keep the end of everything else.
    """

    def __init__(self, main: str) -> None:
        self._main = main
        self._linking = False
        self._built = 0
        self._fetched = 0
        self._other: deque[str] = deque(maxlen=QUOTED)

    def read(self, stream: IO[str]) -> None:
        """
        Read until the compiler closes its output.
        """
        for line in stream:
            text = line.rstrip()
            if text.startswith("go: downloading"):
                self._fetched += 1
            elif _PACKAGE.match(text):
                self._built += 1
                self._linking = self._linking or text == self._main
            else:
                self._other.append(text)

    def progress(self, packages: int) -> str:
        """
        Say how far the build is.
        """
        if self._linking:
            return "linking"
        if self._built == 0:
            return f"{self._fetched} modules fetched" if self._fetched else "using earlier results"
        return f"{self._built} of about {max(packages, self._built)} packages"

    def tail(self) -> str:
        """
        Return the last lines that are not progress.
        """
        return "\n".join(self._other)
