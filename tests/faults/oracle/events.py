"""
Judge what was told, O3: everything that happened at least once, and always under one id.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.faults.oracle.breach import Breach
from tests.faults.oracle.record import Record, State, Told, Verdict
from tests.faults.system.declared import PLAIN
from tests.faults.workload.journal import Commit, Journal, Key, fits

# What a status says on the way; nobody is told of these.
PASSING = frozenset({"", "Progressing", "ArtifactFailed", "DependencyNotReady"})
LATE = 3.0  # seconds by which an event may be away from what it tells
AROUND_A_WIPE = 5.0  # seconds before a wipe in which what only the bus held may be lost


def delivered(record: Record, journal: Journal) -> Iterator[Breach]:
    """
    Each event in the stream came to the sink that takes all, or is a dead letter.

    What waits on the bus when it is wiped may be lost on the way to the sink.

    A sink does not say which event of the stream it was sent, only what it says: of two that say
    the same in the same second two have to come, and the last one is taken to be missing.
    """
    came = {one.id: (*one.content, one.timestamp) for one in record.delivered if one.where == PLAIN}
    left = Counter(came.values())
    for id_, one in record.stored.items():
        # A second message of an id is dropped, as it is known to have been delivered.
        if id_ in record.buried | record.known:
            continue
        said = (*one.content, one.timestamp)
        if left[said]:
            left[said] -= 1
        elif not _wiped(journal, one.at):
            yield _untold(f"{one.kind}/{one.name}", f"{one.reason}: {one.message[:90]}", one.at)


def one_id(record: Record) -> Iterator[Breach]:
    """
    An id stands for one event, in the stream and in each sink.
    """
    for place, told in (("the stream", record.stored.values()), ("a sink", record.delivered)):
        contents: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
        for one in told:
            contents[one.where, one.id].add(one.content)
        for (_, id_), found in contents.items():
            if len(found) > 1:
                yield Breach(
                    invariant="O3", object=f"event {id_}", expected=f"one event in {place}",
                    seen=f"{len(found)}: {sorted(found)[:2]}",
                )  # fmt: skip


def all_told(record: Record, journal: Journal) -> Iterator[Breach]:
    """
    Each revision, each failure and each correction of drift has its event, whatever the bus says.
    """
    told = [one for one in record.delivered if one.where == PLAIN]
    yield from _revisions(record, journal, told)
    for name, verdicts in record.verdicts.items():
        anew = [one for one in verdicts if one.version > record.judged]
        before = verdicts[0] if len(anew) < len(verdicts) else None
        yield from _results(journal, name, before, anew, told)
    yield from _drifts(record, journal, told)


def _revisions(record: Record, journal: Journal, told: Iterable[Told]) -> Iterator[Breach]:
    known = {one.revision for one in told if one.kind == "GitRepository"}
    for before, one in pairwise(record.artifacts):
        old = journal.commit_at(before.revision, before.at)
        new = journal.commit_at(one.revision, one.at)
        # A commit that changes no file is the same artifact, of which there is nothing to tell.
        same = old is not None and new is not None and old.files == new.files
        if one.revision not in known and not same and not _wiped(journal, one.at):
            yield _untold("GitRepository", f"revision {one.revision}", one.at)


def _results(
    journal: Journal,
    name: str,
    before: Verdict | None,
    verdicts: list[Verdict],
    told: Iterable[Told],
) -> Iterator[Breach]:
    about = [one for one in told if (one.kind, one.name) == ("Kustomization", name)]
    succeeded = {one.revision for one in about if one.reason == "ReconciliationSucceeded"}
    failed = {one.reason for one in about if one.severity == "error"}
    for one in verdicts:
        if _wiped(journal, one.at) or one.gone:
            before = one
            continue
        if (
            one.current
            and _changed(journal, before, one)
            and not succeeded & _same(journal, before, one)
        ):
            yield _untold(f"Kustomization/{name}", f"{one.applied} applied", one.at)
        if one.ready == "False" and one.reason not in PASSING | failed:
            yield _untold(f"Kustomization/{name}", f"{one.reason}: {one.message[:90]}", one.at)
        before = one


def _changed(journal: Journal, before: Verdict | None, one: Verdict) -> bool:
    """
    Say whether a revision brought the Kustomization anything new.
    """
    if before is None or before.applied == one.applied:
        return False
    new = journal.commit_at(one.applied, one.at)
    old = _before(journal, before, new)
    folder = str(one.spec.get("path", "")).removeprefix("./")
    return new is not None and (old is None or old.under(folder) != new.under(folder))


def _before(journal: Journal, before: Verdict, new: Commit | None) -> Commit | None:
    """
    Return the commit that a status spoke of, which is none after the one that it speaks of next.
    """
    found = journal.readings(before.applied, before.at)
    return next((it for it in reversed(found) if new and it.number <= new.number), None)


def _same(journal: Journal, before: Verdict | None, one: Verdict) -> set[str]:
    """
    Return the revisions since the last one that bring the Kustomization the same: one that no
    status recorded may be told for those that follow it.
    """
    new = journal.commit_at(one.applied, one.at)
    if new is None:
        return {one.applied}
    old = _before(journal, before, new) if before else None
    folder = str(one.spec.get("path", "")).removeprefix("./")
    since = (it for it in journal.commits if (old.number if old else 0) < it.number <= new.number)
    pointer = one.applied.removesuffix(new.sha)
    return {pointer + it.sha for it in since if it.under(folder) == new.under(folder)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """
    What another hand did to an object, from when it did until we made it good.
    """

    key: Key
    hurt: float
    healed: float


def corrected(record: Record, journal: Journal) -> list[Correction]:
    """
    Find where we made good what another hand had done, with nothing new declared meanwhile.
    """
    hands = {(one.key, one.version): one.at for one in journal.touches}
    removed = {(one.key, one.uid): one.at for one in journal.touches if one.deleted}
    found: list[Correction] = []
    for key, states in record.objects.items():
        good: State | None = None  # the last state that we left
        hurt = 0.0
        for one in states:
            gone = removed.get((key, one.uid)) if one.obj is None else None
            by_hand = hands.get((key, one.version), gone)
            if by_hand is not None and good is not None:
                # Who did it knows when; a watch may show it late.
                hurt = hurt or min(by_hand, one.at)
            elif one.obj is None:
                good, hurt = None, 0.0
            elif hurt and good is not None and fits(good.obj, one.obj):
                if not _dismissed(journal, one.owner, hurt, one.at):
                    found.append(Correction(key=key, hurt=hurt, healed=one.at))
                good, hurt = one, 0.0
            elif one.number and (not hurt or good is None or _newer(journal, key, good, one)):
                good, hurt = one, 0.0
    return found


def _newer(journal: Journal, key: Key, before: State, one: State) -> bool:
    newest, old = (journal.orders(key, it.number, it.at)[-1] for it in (one, before))
    return newest > old or one.number > before.number


def _dismissed(journal: Journal, owner: str, since: float, until: float) -> bool:
    return any(
        one.name == owner and one.spec is None and since - LATE <= one.at <= until
        for one in journal.wishes
    )


def _drifts(record: Record, journal: Journal, told: Iterable[Told]) -> Iterator[Breach]:
    """
    Each correction has an event of its own, from its time: that of the drift, or the one that lists
    what a pass changed, where a crash took the receipt and the object does not prove what was
    applied (ADR 6).
    """
    drifts = (one for one in told if one.reason in {"DriftDetected", "DriftFight"})
    # The oldest first: what was not acknowledged before a death comes behind what is newer.
    left = {one.id: one for one in sorted(drifts, key=lambda one: _moment(journal, one))}
    lists = [one for one in told if one.reason == "Progressing"]
    for one in corrected(record, journal):
        own = [
            event.id
            for event in left.values()
            if event.object == str(one.key) and _during(journal, event, one)
        ]
        if own:
            del left[own[0]]
        elif not any(
            f"{one.key} configured" in event.message or f"{one.key} created" in event.message
            for event in lists
            if _during(journal, event, one)
        ) and not _wiped(journal, one.healed):
            yield _untold(str(one.key), "the correction of drift", one.healed)


def _during(journal: Journal, event: Told, one: Correction) -> bool:
    return any(one.hurt - LATE <= at <= one.healed + LATE for at in _moments(journal, event))


def _moments(journal: Journal, event: Told) -> list[float]:
    # Who tells it does so by its own clock, which may have been wrong.
    return [event.second - wrong for wrong in (0.0, *journal.clocks)]


def _moment(journal: Journal, event: Told) -> float:
    """
    Return when it was most likely told: nothing comes years before or after that.
    """
    return min(_moments(journal, event), key=lambda at: abs(at - event.at))


def duplicates(record: Record) -> tuple[int, int]:
    """
    Return how many deliveries came again, and how many events were told anew under another id.
    """
    again = sum(n - 1 for n in Counter((d.where, d.id) for d in record.delivered).values())
    first = {one.id: one for one in record.delivered if one.where == PLAIN}
    same = Counter(
        (one.kind, one.name, one.reason, one.revision, one.message)
        for one in first.values()
        if one.reason == "NewArtifact"
    )
    return again, sum(n - 1 for n in same.values())


def _wiped(journal: Journal, at: float) -> bool:
    return any(begin - AROUND_A_WIPE <= at <= end for begin, end in journal.wipes)


def _untold(name: str, what: str, at: float) -> Breach:
    return Breach(invariant="O3", object=name, expected=f"told: {what}", seen="no event", at=at)
