"""
Whether a branch only went forward: the known commit is among those before its head.
"""

import tempfile
from collections.abc import Collection, Mapping

from services.source.adapters.git import commits_between
from services.source.adapters.job import Answer, Job
from shared.model import Revision


def ancestry(job: Job) -> Answer:
    """
    Answer ``forward`` or ``rewritten``.

    Raises:
        Exception: Whatever the library raises; ``trouble.explain`` puts it into words.

    """
    old = Revision.parse(job.known).hex
    with tempfile.TemporaryFile(dir=job.where) as spool:
        parents = commits_between(job, old, spool)
    return Answer(kind="forward" if comes_after(job.head, old, parents) else "rewritten")


def comes_after(head: str, old: str, parents: Mapping[str, Collection[str]]) -> bool:
    """
    Say whether ``old`` is reached from ``head``; commits that are not given have no parents.
    """
    seen: set[str] = set()
    left = [head]
    while left:
        sha = left.pop()
        if sha == old:
            return True
        if sha not in seen:
            seen.add(sha)
            left.extend(parents.get(sha, ()))
    return False
