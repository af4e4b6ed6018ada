"""
What a label or annotation of one object asks for (the table in the reference, section 2.6).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PREFIX = "kustomize.toolkit.fluxcd.io/"


class Ssa(StrEnum):
    """
    How the object is applied.
    """

    OVERRIDE = "Override"
    MERGE = "Merge"
    IF_NOT_PRESENT = "IfNotPresent"
    IGNORE = "Ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectOptions:
    """
    The per-object choices, as one copy of the object states them.
    """

    reconcile: bool = True
    ssa: Ssa = Ssa.OVERRIDE
    force: bool = False
    prune: bool = True
    substitute: bool = True

    @property
    def ignored(self) -> bool:
        """
        Say whether the object must be left alone altogether.
        """
        return not self.reconcile or self.ssa is Ssa.IGNORE


# Nearly every object says nothing: all of them share this value.
DEFAULT = ObjectOptions()


def options_of(obj: Mapping[str, Any]) -> ObjectOptions:
    """
    Read the options from an object's labels and annotations; either place counts.
    """
    metadata = obj.get("metadata") or {}
    places = tuple(
        place
        for place in (metadata.get("labels"), metadata.get("annotations"))
        if isinstance(place, Mapping) and any(str(key).startswith(PREFIX) for key in place)
    )
    if not places:
        return DEFAULT
    ssa = next(
        (
            mode
            for mode in (Ssa.IGNORE, Ssa.IF_NOT_PRESENT, Ssa.MERGE)
            if _says(places, "ssa", mode)
        ),
        Ssa.OVERRIDE,
    )
    found = ObjectOptions(
        reconcile=not _says(places, "reconcile", "disabled"),
        ssa=ssa,
        force=_says(places, "force", "enabled"),
        prune=not _says(places, "prune", "disabled"),
        # The reference compares this one with case.
        substitute=not any(place.get(f"{PREFIX}substitute") == "disabled" for place in places),
    )
    return DEFAULT if found == DEFAULT else found


def effective(desired: ObjectOptions, live: ObjectOptions | None) -> ObjectOptions:
    """
    Combine both copies for an apply: ``IfNotPresent`` counts in Git only, ``prune`` live only.
    """
    if live is None or (live is DEFAULT and desired is DEFAULT):
        return desired
    modes = {desired.ssa, live.ssa}
    if Ssa.IGNORE in modes:
        ssa = Ssa.IGNORE
    elif desired.ssa is Ssa.IF_NOT_PRESENT:
        ssa = Ssa.IF_NOT_PRESENT
    else:
        ssa = Ssa.MERGE if Ssa.MERGE in modes else Ssa.OVERRIDE
    return ObjectOptions(
        reconcile=desired.reconcile and live.reconcile,
        ssa=ssa,
        force=desired.force or live.force,
        prune=live.prune,
        substitute=desired.substitute,
    )


def _says(places: tuple[Mapping[str, Any], ...], name: str, value: str) -> bool:
    wanted = value.casefold()
    return any(str(place.get(PREFIX + name) or "").casefold() == wanted for place in places)
