"""
Has somebody changed what we applied? Judged from receipts, without a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from services.reconciler.core.observation import Observed
from services.reconciler.core.receipt import Receipt, token_set, token_time


class DriftKind(StrEnum):
    """
    What happened to the object.
    """

    CHANGED = "changed"
    REPLACED = "replaced"
    GONE = "gone"


class Mode(StrEnum):
    """
    What is done about drift: ``spec.driftDetection.mode``.
    """

    ENABLED = "enabled"
    WARN = "warn"
    DISABLED = "disabled"


def mode_of(spec: Mapping[str, Any]) -> Mode:
    """
    Return the mode of a Kustomization's spec.
    """
    declared = (spec.get("driftDetection") or {}).get("mode")
    return Mode(str(declared).lower()) if declared else Mode.ENABLED


@dataclass(frozen=True, slots=True)
class Gone:
    """
    The object is not there; confirmed by a read, not by a filtered watch.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """
    Nothing of ours changed; ``stale`` if the event only told of a time before the receipt.
    """

    stale: bool = False


@dataclass(frozen=True, slots=True)
class Drifted:
    """
    Our fields were taken or removed, or the object is another one or gone.
    """

    kind: DriftKind


@dataclass(frozen=True, slots=True)
class Verify:
    """
    Only a look at the values can tell, for this reason.
    """

    reason: str


Verdict = Settled | Drifted | Verify
GONE: Final = Gone()
SETTLED: Final = Settled()


def judge(  # noqa: PLR0911  a ladder of rules
    receipt: Receipt, observed: Observed | Gone, *, has_generation: bool, listed: bool = False
) -> Verdict:
    """
    Judge what a watch or a list showed against the receipt.

    Args:
        receipt: Of our last apply.
        observed: What was seen, or ``GONE`` after a read that found nothing.
        has_generation: Whether the kind counts changes of its content.
        listed: From a list, which is the present whatever its resourceVersion (a restored backup
            goes back in time); an event of a watch may be older than the receipt.

    """
    if isinstance(observed, Gone):
        return Drifted(DriftKind.GONE)
    if observed.uid != receipt.uid:
        return Drifted(DriftKind.REPLACED)
    if not listed and not_newer(observed.resource_version, receipt.resource_version):
        return Settled(stale=observed.resource_version != receipt.resource_version)
    if observed.token != receipt.token or not observed.owner_ok:
        return Drifted(DriftKind.CHANGED)
    if has_generation:
        if observed.generation != receipt.generation:
            return Verify("the generation moved and nobody took our fields")
        return SETTLED
    if observed.resource_version != receipt.resource_version:
        return Verify("the object was written and its kind counts no generations")
    return SETTLED


def judge_at_start(
    receipt: Receipt | None, observed: Observed | Gone, *, has_generation: bool
) -> Verdict:
    """
    Judge a list made at start: what changed may be our own work that was cut off.
    """
    if receipt is None:
        return Drifted(DriftKind.GONE) if isinstance(observed, Gone) else Verify("no receipt")
    verdict = judge(receipt, observed, has_generation=has_generation, listed=True)
    if (
        isinstance(verdict, Drifted)
        and isinstance(observed, Observed)
        and verdict.kind is DriftKind.CHANGED
        and observed.owner_ok
        and token_set(observed.token)
        and token_time(observed.token) > token_time(receipt.token)
    ):
        return Verify("our own entry is newer than the receipt: unfinished work")
    return verdict


def not_newer(resource_version: str, than: str) -> bool:
    """
    Say whether one resourceVersion of an object is certainly not newer than another.
    """
    if resource_version == than:
        return True
    if not (resource_version.isdecimal() and than.isdecimal()):
        return False
    return int(resource_version) <= int(than)
