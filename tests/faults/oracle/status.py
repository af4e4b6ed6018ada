"""
Judge what is said: O8, never Ready while it is not so, and a reason where it is not.
"""

from collections.abc import Iterator

from tests.faults.oracle.breach import Breach
from tests.faults.oracle.record import Record, State, Verdict
from tests.faults.workload.journal import Journal, Json, Key, fits, misfits


def ready(record: Record, journal: Journal) -> Iterator[Breach]:
    """
    O1 for the Kustomizations: each is Ready at the last commit, unless that breaks it.
    """
    for name, wish in journal.kustomizations().items():
        verdicts = record.verdicts.get(name)
        last = verdicts[-1] if verdicts else None
        broken = wish.folder in journal.latest.broken
        wanted = f"{'False' if broken else 'True'} at commit {journal.latest.number}"
        if last is None or last.gone:
            yield _not_ready(name, wanted, "not there", last)
        elif broken:
            if last.ready != "False":
                yield _not_ready(name, wanted, f"{last.ready} {last.message}", last)
        elif not last.current or journal.commit_at(last.applied) is not journal.latest:
            seen = (
                f"{last.ready} {last.reason} at {last.applied or 'no commit'}, generation "
                f"{last.observed} of {last.generation}: {last.message}"
            )
            yield _not_ready(name, wanted, seen, last)


def stored(record: Record, journal: Journal) -> Iterator[Breach]:
    """
    O1 for the source: its artifact is that of the last commit, or has the same files.
    """
    last = record.artifacts[-1] if record.artifacts else None
    commit = journal.commit_at(last.revision, last.at) if last else None
    if commit is None or commit.files != journal.latest.files:
        yield Breach(
            invariant="O1",
            object="GitRepository",
            expected=f"the artifact of commit {journal.latest.number}",
            seen=last.revision if last else "none",
            at=last.at if last else 0.0,
        )


def _not_ready(name: str, wanted: str, seen: str, last: Verdict | None) -> Breach:
    return Breach(
        invariant="O1",
        object=f"Kustomization/{name}",
        expected=f"Ready {wanted}",
        seen=seen,
        at=last.at if last else 0.0,
    )


def honest(record: Record, journal: Journal) -> Iterator[Breach]:
    """
    O8: whenever a status begins to say Ready, the objects are so, but for what others just did.
    """
    hands = {(one.key, one.version) for one in journal.touches}
    removed = {(one.key, one.uid) for one in journal.touches if one.deleted}
    for name, verdicts in record.verdicts.items():
        before: Verdict | None = None
        for one in verdicts:
            if one.ready in {"False", "Unknown"} and not (one.reason and one.message):
                yield Breach(
                    invariant="O8",
                    object=f"Kustomization/{name}",
                    expected="a reason and a message",
                    seen=f"Ready {one.ready} without",
                    at=one.at,
                )
            # Who was stopped in the middle of a pass speaks of the one before it.
            speaks = one.version > record.judged and not one.spec.get("suspend")
            if speaks and one.current and _says_anew(before, one):
                yield from _judged(record, journal, name, one, (hands, removed))
            before = one


def _says_anew(before: Verdict | None, one: Verdict) -> bool:
    return before is None or not before.current or before.applied != one.applied


Hands = tuple[set[tuple[Key, int]], set[tuple[Key, str]]]


def _judged(
    record: Record, journal: Journal, name: str, one: Verdict, hands: Hands
) -> Iterator[Breach]:
    commit = journal.commit_at(one.applied, one.at)
    if commit is None:
        yield _false(name, one, f"a revision that was committed, not {one.applied}")
        return
    folder = str(one.spec.get("path", "")).removeprefix("./")
    space = str(one.spec.get("targetNamespace", ""))
    if folder in commit.broken:
        yield _false(name, one, f"commit {commit.number} holds what cannot be read or applied")
    declared = commit.declares(folder, space)
    for key, obj in declared.items():
        states = record.before(key, one.version)
        if record.missed(key, one.version):
            continue
        if not _was_so(key, obj, states, hands):
            yield _false(name, one, f"{key} {_as_it_was(obj, states)}")
        elif one.spec.get("wait") and not states[-1].healthy and not _by_hand(key, states, hands):
            yield _false(name, one, f"{key} is not rolled out")
    for key in journal.formerly(folder, space, commit.number) - declared.keys():
        states = record.before(key, one.version)
        if record.missed(key, one.version):
            continue
        if states and states[-1].obj is not None and states[-1].owner == name:
            yield _false(
                name, one, f"{key} is there, which commit {commit.number} does not declare"
            )


def _was_so(key: Key, obj: Json, states: list[State], hands: Hands) -> bool:
    """
    Say whether an object is as declared, or was until others came.
    """
    for one in reversed(states):
        if fits(obj, one.obj):
            return True
        if one.obj is None and (key, one.uid) in hands[1]:
            continue
        if (key, one.version) not in hands[0] and _ours(states, one):
            return False
    return False


def _ours(states: list[State], one: State) -> bool:
    """
    Say whether a state is a write of ours, and not one of a controller after somebody else's.
    """
    place = states.index(one)
    before = states[place - 1] if place else None
    return before is None or one.obj is None or before.obj is None or before.ours != one.ours


def _by_hand(key: Key, states: list[State], hands: Hands) -> bool:
    return any((key, one.version) in hands[0] for one in states[-3:])


def _as_it_was(obj: Json, states: list[State]) -> str:
    if not states or states[-1].obj is None:
        return "is not there"
    return f"differs in {', '.join(misfits(obj, states[-1].obj))}"


def _false(name: str, one: Verdict, why: str) -> Breach:
    return Breach(
        invariant="O8",
        object=f"Kustomization/{name}",
        expected=f"Ready only when it is so at {one.applied[-8:]} (version {one.version})",
        seen=why,
        at=one.at,
    )
