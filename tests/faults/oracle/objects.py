"""
Judge the objects: O1 as declared, O2 nothing wrongly deleted, O4 written once, O5 never older.
"""

from collections.abc import Iterator
from itertools import pairwise

from tests.faults.oracle.breach import Breach
from tests.faults.oracle.record import Record, State
from tests.faults.workload.journal import FORCE, SKEW, Journal, Key, fits, misfits

# Managers whose fields are taken over for good, by one write more that changes no field.
TAKEN_OVER = ("kubectl",)


def as_declared(record: Record, journal: Journal) -> Iterator[Breach]:
    """
    O1: the cluster holds what the last commit declares, and nothing that it does not.
    """
    expected = journal.expected()
    for key, (owner, obj) in expected.items():
        live = record.live(key)
        if owner in journal.latest.broken and not fits(obj, live.obj if live else None):
            continue  # it is seen to when the folder is mended
        if live is None:
            yield Breach(
                invariant="O1", object=str(key), expected=f"declared by {owner}", seen="not there"
            )
        elif not fits(obj, live.obj):
            where = ", ".join(misfits(obj, live.obj))
            yield Breach(
                invariant="O1",
                object=str(key),
                expected=f"as {owner} declares it",
                seen=f"other in {where}",
                at=live.at,
            )
    for key in journal.ever() - expected.keys():
        live = record.live(key)
        # Nothing is pruned in a pass in which an object was refused.
        if live is not None and live.owner not in journal.latest.broken:
            yield Breach(invariant="O1", object=str(key), expected="gone", seen="there", at=live.at)


def rightly_deleted(record: Record, journal: Journal) -> Iterator[Breach]:
    """
    O2: what the reconciler deleted was, at some time since, declared no more or to be replaced.
    """
    for deletion in record.deletions:
        last = _last_live(record, deletion.key, deletion.at)
        if last is None or not last.owner:
            continue
        if not _may_go(journal, deletion.key, last, deletion.at):
            yield Breach(
                invariant="O2",
                object=str(deletion.key),
                expected=f"kept: {last.owner} declares it in every commit since {last.number}",
                seen="deleted by the reconciler",
                at=deletion.at,
            )


def _last_live(record: Record, key: Key, at: float) -> State | None:
    # The watch tells of a write some time after the log does, never before it.
    states = record.objects.get(key, [])
    gone = next(
        (i for i, one in enumerate(states) if one.obj is None and one.at >= at - SKEW), None
    )
    found = states[:gone] if gone is not None else states
    return next((one for one in reversed(found) if one.obj is not None), None)


def _may_go(journal: Journal, key: Key, last: State, at: float) -> bool:
    wishes = [one for one in journal.wishes if one.name == last.owner and one.at <= at + SKEW]
    if (
        not wishes
        or wishes[-1].spec is None
        or any(one.spec is None and one.at >= last.at - 60 for one in wishes)
    ):
        return True
    wish = next(one for one in reversed(wishes) if one.spec is not None)
    forced = FORCE in ((last.obj or {}).get("metadata") or {}).get("annotations", {})
    for commit in journal.commits:
        if commit.number <= last.number or commit.at > at + SKEW:
            continue
        declared = commit.declares(wish.folder, wish.namespace).get(key)
        if declared is None or (forced and not fits(declared, last.obj)):
            return True
    return False


def written_once(record: Record, journal: Journal) -> Iterator[Breach]:
    """
    O4: we write an object only where a commit or somebody else's hand made that necessary.
    """
    touched = {(one.key, one.version) for one in journal.touches}
    for key, states in record.objects.items():
        needed = True
        for before, after in pairwise(states):
            if after.obj is None or before.obj is None or before.uid != after.uid:
                needed = after.obj is None
                continue
            if (key, after.version) in touched:
                needed = True
                continue
            gaps = record.gaps.get(key.kind, ())
            if any(before.version <= begin < after.version <= end for begin, end in gaps):
                # Another hand may have come between; what we made good of it is seen already.
                needed = before.ours == after.ours
                continue
            if before.ours == after.ours:
                continue
            if after.number == before.number and not needed and not _taken_over(before, after):
                yield Breach(
                    invariant="O4",
                    object=str(key),
                    expected=f"one write for commit {after.number}",
                    seen=f"one more at resourceVersion {after.version}, "
                    + (
                        "which changed " + ", ".join(misfits(after.obj, before.obj))
                        if after.obj != before.obj
                        else "which changed nothing"
                    ),
                    at=after.at,
                )
            needed = False


def _taken_over(before: State, after: State) -> bool:
    return any(one.startswith(TAKEN_OVER) for one in before.managers - after.managers)


def never_older(record: Record, journal: Journal) -> Iterator[Breach]:
    """
    O5: an object, a Kustomization and the source go forward only.
    """
    for key, states in record.objects.items():
        live = [one for one in states if one.obj is not None and one.number]
        yield from _forward(
            str(key), [(journal.orders(key, one.number, one.at), one.at) for one in live]
        )
    for name, verdicts in record.verdicts.items():
        applied = [(_numbers(journal, one.applied, one.at), one.at) for one in verdicts]
        yield from _forward(f"Kustomization/{name}", applied)
        yield from _forward(
            f"Kustomization/{name}, sequence", [([one.attempted], one.at) for one in verdicts]
        )
    artifacts = record.artifacts
    yield from _forward(
        "GitRepository", [(_numbers(journal, one.revision, one.at), one.at) for one in artifacts]
    )
    for before, after in pairwise(record.artifacts):
        if before.uid == after.uid and after.sequence < before.sequence:
            yield _older("GitRepository, sequence", before.sequence, after.sequence, after.at)


def _forward(name: str, numbers: list[tuple[list[int], float]]) -> Iterator[Breach]:
    """
    Hold numbers against those before; of what may be one of several it is the first that fits.
    """
    newest = 0
    for found, at in numbers:
        if not any(found):
            continue  # a Kustomization that was declared anew begins anew
        number = next((one for one in found if one >= newest), None)
        if number is None:
            yield _older(name, newest, found[-1], at)
        else:
            newest = number


def _older(name: str, newest: int, number: int, at: float) -> Breach:
    return Breach(
        invariant="O5", object=name, expected=f"{newest} or newer", seen=f"{number}", at=at
    )


def _numbers(journal: Journal, revision: str, at: float) -> list[int]:
    return [one.number for one in journal.readings(revision, at)]
