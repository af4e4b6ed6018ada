"""The walk through the README is run as it stands there."""

import contextlib
import re
import subprocess
from functools import partial
from pathlib import Path

from cli.up.git_http import clean_environment
from tests.fixtures.git import IDENTITY
from tests.fixtures.waiting import until

README = Path(__file__).parents[2] / "README.md"
# What is another one at each run: times, hashes, durations, processes, and what is left out.
VARIES = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:]+Z|\d\d:\d\d:\d\d|\b[0-9a-f]{7,}\b|\b\d[\dms.]*s\b|process \d+|…"
)


def steps():
    """Return each command of the walk with the lines that are shown below it."""
    walk = README.read_text().partition("## A walk through it\n")[2].partition("\n## ")[0]
    found = []
    for block in re.findall(r"^```\n(.*?)^```$", walk, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip():
                found[-1][1].append(line)
    return found


def pattern(line):
    fixed = (r"\s+".join(map(re.escape, part.split())) for part in VARIES.split(line))
    return re.compile(r".*".join(fixed))


def missing(shown, said):
    return [line for line in shown if not pattern(line).search(said)]


def test_the_walk_through_the_readme_shows_what_happens(system):
    where = str(system.home)
    environment = clean_environment(system.home) | IDENTITY
    for command, shown in steps():
        before = len(system.output())
        done = subprocess.run(
            ["bash", "-ec", f". {system.state}/activate\n{command}\npwd"],
            check=False,
            cwd=where,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        answer = done.stdout + done.stderr
        assert done.returncode == 0, f"$ {command}\n{answer}"
        where = done.stdout.splitlines()[-1]
        with contextlib.suppress(AssertionError):  # the one below says which line
            until(command, partial(_all_shown, system, shown, answer, before))
        said = answer + system.output()[before:]
        assert missing(shown, said) == [], f"$ {command}\n{said}"
    assert where.endswith("/example")


def _all_shown(system, shown, answer, before):
    return not missing(shown, answer + system.output()[before:])
