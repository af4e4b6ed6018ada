"""
The figures of a series, as a table and as a file.
"""

import json
import os
import statistics
from pathlib import Path

from tests.faults.kills import Killer
from tests.faults.oracle.resources import slope
from tests.faults.rig import Rig

FOLDER = Path(__file__).parent / "report"


def figures(rig: Rig, killer: Killer, *, seconds: float, breaches: int) -> dict[str, object]:
    """
    Return what a series came to.
    """
    system, oracle, took = rig.system, rig.oracle, rig.oracle.convergences[1:]
    return {
        "seed": rig.workload.seed,
        "cores": os.cpu_count(),
        "seconds": round(seconds),
        "kills": killer.deaths,
        "kills by service": {name: len(one.deaths) for name, one in system.services.items()},
        "points hit": killer.hits,
        "points missed": killer.missed,
        "longest way to a point s": [round(killer.longest[0], 1), killer.longest[1]],
        "converged p50 s": round(statistics.median(took), 1) if took else 0,
        "converged max s": round(max(took), 1) if took else 0,
        "breaches": breaches,
        "done": dict(rig.workload.done),
        "commits": len(rig.workload.journal.commits),
        "touches": len(rig.workload.journal.touches),
        **oracle.totals,
        "untold, excused by a wipe": [str(one) for one in oracle.excused],
        "artifacts in pieces": oracle.orphans,
        "peak RSS MB": {name: round(one.peak) for name, one in system.services.items()},
        "RSS slope MB/h": {n: round(v, 1) for n, v in slope(oracle.record.samples).items()},
        "writes of the reconciler": sum(oracle.observer.writes.values()),
    }


def write(name: str, found: dict[str, object]) -> str:
    """
    Write the figures into a file and return them as a table.
    """
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")
    return "\n".join(f"{key:<26}{value}" for key, value in found.items())
