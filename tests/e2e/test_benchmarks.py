"""
Each program of `benchmarks/` runs at its smallest size and gives its figures.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The options of the smallest run, and a figure that is there afterwards: a way into the file.
SMALLEST = {
    "bus": ("--size 1 --rounds 1", ("runs", 0, "megabytes")),
    "drift": ("--count 3 --each 2", ("healed", "n")),
    "latency": ("--commits 1 --polled 1 --edits 1 --interval 2", ("ready_seconds",)),
    "events": ("--count 20 --steady 5", ("phases", "steady, all alive", "per_second")),
    "many": ("--count 2 --unmanaged 4", ("runs", 0, "install", "seconds")),
    "own": ("--count 2 --commits 1 --whole 1 --audited 0", ("paced", "applied", "p50_ms")),
    "repository": ("--files 20 --commits 5 --rounds 1", ("pack_bytes",)),
    "storm": ("--sets 2 --each 2 --seconds 1", ("samples",)),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SMALLEST)
def test_a_benchmark_gives_its_figures_at_its_smallest_size(name, tmp_path):
    options, way = SMALLEST[name]
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *options.split()],
        cwd=ROOT,
        env=os.environ | {"BENCH_RESULTS": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = tmp_path.glob("*.json")
    found = json.loads(file.read_text())
    for step in way:
        found = found[step]
    assert found
