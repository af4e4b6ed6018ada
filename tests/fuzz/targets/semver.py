"""A version constraint and the tags of an origin: the newest that fits, or it is refused."""

from services.source.core.semver import Constraint, Version
from shared.errors import StalledError

PAIRED = 12  # of the tags each with each; all pairs of 600 would take most of the time


def one(data):
    constraint, *tags = data.decode(errors="replace").split("\n")
    versions = [version for tag in tags if (version := Version.parse(tag)) is not None]
    for first in versions[:PAIRED]:
        for second in versions[:PAIRED]:
            assert (first < second) + (second < first) + (first == second or (
                not first < second and not second < first
            )) == 1  # fmt: skip
    try:
        wanted = Constraint.parse(constraint)
    except StalledError:
        return
    newest = wanted.newest(tags)
    fitting = [version for version in versions if wanted.accepts(version)]
    assert bool(newest) == bool(fitting)
    if newest:
        assert Version.parse(newest) == max(fitting) or not Version.parse(newest) < max(fitting)
