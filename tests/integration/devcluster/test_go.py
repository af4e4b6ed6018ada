"""The Go side's own tests and format."""

import subprocess
from pathlib import Path

import pytest

from cli.up.programs import PROGRAMS
from cli.up.toolchain import cache_root, find_go, go_environment


@pytest.fixture(scope="module")
def go():
    return find_go(report=print, cache=cache_root()).program


# Linking the test program compiles what the build has not compiled yet.
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "packages"), [("devcluster", "./node/..."), ("renderer", ".")])
def test_the_decisions_of_the_go_programs_hold(go, name, packages):
    result = subprocess.run(
        [go, "test", "-timeout", "60s", packages],
        cwd=PROGRAMS[name].source,
        env=go_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_go_sources_are_formatted(go, name):
    # Beside the compiler itself; the `go` on the PATH may be a version manager's.
    root = subprocess.check_output([go, "env", "GOROOT"], text=True, env=go_environment()).strip()
    result = subprocess.run(
        [Path(root) / "bin" / "gofmt", "-l", "."],
        cwd=PROGRAMS[name].source,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == ""
