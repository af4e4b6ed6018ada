"""
What a benchmark says: one table for people, one file for machines.
"""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(os.environ.get("BENCH_RESULTS") or Path(__file__).parents[1] / "results")


def machine() -> str:
    """
    Name what everything ran on.
    """
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, all parts on one machine"


def say(text: str) -> None:
    """
    Tell what is being measured.
    """
    print(f"# {text}", flush=True)


def summary(seconds: Sequence[float]) -> dict[str, Any]:
    """
    Return the figures of one measurement, in milliseconds; none where nothing was measured.
    """
    values = sorted(value * 1000 for value in seconds)
    if not values:
        return {"n": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}
    last = values[min(len(values) - 1, round(0.99 * (len(values) - 1)))]
    return {
        "n": len(values),
        "p50_ms": round(statistics.median(values)),
        "p99_ms": round(last),
        "max_ms": round(values[-1]),
    }


def write(name: str, result: dict[str, Any]) -> None:
    """
    Write results/NAME.json; `BENCH_RESULTS` names another folder.
    """
    RESULTS.mkdir(exist_ok=True)
    whole = {"machine": machine()} | result
    (RESULTS / f"{name}.json").write_text(json.dumps(whole, indent=2) + "\n")


def table(rows: Sequence[Sequence[object]]) -> str:
    """
    Lay out rows: the first column to the left, the others to the right; the first row is the head.
    """
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in texts if n < len(row)) for n in range(len(texts[0]))]
    lines = []
    for row in texts:
        first, *others = row
        rest = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=False))
        lines.append("  ".join([f"{first:<{widths[0]}}", *rest]).rstrip())
    return "\n".join(lines)
