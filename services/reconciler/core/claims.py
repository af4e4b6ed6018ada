"""
Tell whose an object is that more than one Kustomization has to do with.

Claims say what a Kustomization declares at one artifact and generation. Who has recorded an object
keeps it while it declares it; who declares it no longer hands it over to the one that does, and
does not delete it: an object that moves between two paths in one commit is never away.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import Enum, auto

from shared.model import ObjectKey

PATIENCE = 10.0  # seconds to wait for what others declare; then what they said last holds
LOOKS = 3  # at each revision at least: the seconds may have passed while we stood still
_KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io", "Kustomization")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """
    What was declared at an artifact, by its digest, and a generation of the declaration.

    ``born`` are Kustomizations among ``keys`` that were not declared the time before.
    """

    digest: str
    generation: int
    keys: AbstractSet[ObjectKey]
    born: AbstractSet[ObjectKey] = frozenset()


def after(before: Claims | None, claims: Claims) -> Claims:
    """
    Return new claims that know which Kustomizations are new in them; at a start none is.
    """
    if before is None:
        return claims
    if before.keys == claims.keys:
        return replace(claims, born=before.born)
    new = claims.keys - before.keys
    born = frozenset(key for key in new if (key.group, key.kind) == _KUSTOMIZATION)
    return replace(claims, born=born)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """
    Another Kustomization, as far as the question needs it.

    Args:
        claims: The last that it declared; None if it was not rendered since the start.
        digest: Of its source now.
        generation: Of its declaration now.
        busy: It is about to say more: a pass is under way or asked for, and nothing stops it.
        deleting: It ends.

    """

    claims: Claims | None
    digest: str
    generation: int
    busy: bool = False
    deleting: bool = False

    @property
    def current(self) -> bool:
        """
        Say whether its claims are about what it should be now.
        """
        claims = self.claims
        return claims is not None and (claims.digest, claims.generation) == (
            self.digest,
            self.generation,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """
    How long somebody has waited for the claims of others, in monotonic seconds and in looks.
    """

    since: float
    about: Claims | None
    looks: int = 1

    def patient(self, now: float) -> bool:
        """
        Say whether to go on waiting.
        """
        return now - self.since < PATIENCE or self.looks <= LOOKS


def undecided(before: Undecided | None, about: Claims | None, now: float) -> Undecided:
    """
    Look once more; what is asked about other claims of our own is asked anew.
    """
    if before is None:
        return Undecided(since=now, about=about)
    if before.about != about:
        return Undecided(since=before.since, about=about)
    return replace(before, looks=before.looks + 1)


class Answer(Enum):
    """
    Whether a neighbour has to do with an object.
    """

    YES = auto()
    NO = auto()
    SOON = auto()  # it works just now and will say


def keeps(neighbour: Neighbour, key: ObjectKey) -> Answer:
    """
    Say whether a neighbour that has recorded an object keeps it from another one.
    """
    if neighbour.deleting:
        return Answer.NO
    if neighbour.current or not neighbour.busy:
        # Stopped, suspended or broken: what it said last holds, and what is recorded is its own.
        claims = neighbour.claims
        return Answer.YES if claims is None or key in claims.keys else Answer.NO
    return Answer.SOON


def takes(neighbour: Neighbour, key: ObjectKey, *, waits: bool) -> Answer:
    """
    Say whether a neighbour declares an object that another one does not declare any more.

    Who does not wait for its next word goes by the last: to delete takes more than silence.
    """
    if neighbour.deleting:
        return Answer.NO
    if waits and neighbour.busy and not neighbour.current:
        return Answer.SOON
    claims = neighbour.claims
    return Answer.YES if claims is not None and key in claims.keys else Answer.NO
