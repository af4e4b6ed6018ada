"""
Judge O7: memory, files, children and what lies on disk come back to their bounds.
"""

from collections import defaultdict
from collections.abc import Iterator

from tests.faults.oracle.breach import Breach
from tests.faults.oracle.record import Record, Sample

RSS = 256.0  # MB of one service
FDS, CHILDREN, FILES = 200, 8, 400
ORPHANS = 50  # artifacts in pieces that nobody refers to; they are swept within an hour


def bounded(record: Record) -> Iterator[Breach]:
    """
    Look at the last sample of each service, which is taken when all is quiet.
    """
    last = {one.service: one for one in record.samples}
    for name, one in last.items():
        for what, limit, seen in (
            ("resident MB", RSS, one.rss),
            ("open files", FDS, one.fds),
            ("children", CHILDREN, one.children),
            ("files on disk", FILES, one.files),
        ):
            if seen > limit:
                yield Breach(
                    invariant="O7",
                    object=name,
                    expected=f"at most {limit:g} {what}",
                    seen=f"{seen:g}",
                    at=one.at,
                )


def swept(pieces: set[str], referred: set[str]) -> Iterator[Breach]:
    """
    Look for artifacts of which the store has pieces and nobody knows the name.
    """
    orphans = len(pieces - referred)
    if orphans > ORPHANS:
        yield Breach(
            invariant="O7",
            object="artifacts in the store",
            expected=f"at most {ORPHANS} in pieces",
            seen=f"{orphans}",
        )


def ended(deaths: dict[str, list[tuple[float, int]]]) -> Iterator[Breach]:
    """
    Look for services that ended without being killed.
    """
    for name, found in deaths.items():
        for at, code in found:
            if code != -9:
                yield Breach(
                    invariant="O7", object=name, expected="alive until it is killed",
                    seen=f"ended with status {code}", at=at,
                )  # fmt: skip


def slope(samples: list[Sample]) -> dict[str, float]:
    """
    Return by service how resident memory grows, in MB an hour, by least squares.
    """
    series: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in samples:
        series[one.service].append((one.at, one.rss))
    return {name: _slope(points) * 3600 for name, points in series.items()}


def _slope(points: list[tuple[float, float]]) -> float:
    middle = sum(x for x, _ in points) / len(points)
    mean = sum(y for _, y in points) / len(points)
    spread = sum((x - middle) ** 2 for x, _ in points)
    return sum((x - middle) * (y - mean) for x, y in points) / spread if spread else 0.0
