"""
The texts of conditions and events, in the reference's words where it has them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from services.reconciler.core.health import Health, Status
from services.reconciler.core.manifest import Refusal
from services.reconciler.core.order import sort_key
from services.reconciler.core.plan import Action
from shared.api.duration import format_duration
from shared.model import ObjectKey

PROGRESSING = "Reconciliation in progress"
SHOWN = 5  # refused or failed objects named in a message
_DRIFTED = "; drifted: "


def applied(revision: str, drifted: int = 0) -> str:
    """
    Write Ready's message of a pass that succeeded.
    """
    return with_drift(f"Applied revision: {revision}", drifted)


def with_drift(message: str, drifted: int) -> str:
    """
    Say at the end of a message how many objects differ; earlier such ends are replaced.
    """
    base = message.partition(_DRIFTED)[0]
    if not drifted:
        return base
    return f"{base}{_DRIFTED}{drifted} object{'s' if drifted != 1 else ''}"


def fetching(revision: str, timeout: timedelta) -> str:
    """
    Write Reconciling's message at the beginning of a pass.
    """
    return (
        f"Fetching manifests for revision {revision} with a timeout of"
        f" {format_duration(timeout.total_seconds())}"
    )


def building(revision: str, timeout: timedelta) -> str:
    """
    Write Reconciling's message while manifests are rendered.
    """
    return (
        f"Building manifests for revision {revision} with a timeout of"
        f" {format_duration(timeout.total_seconds())}"
    )


def checking_health(revision: str, timeout: timedelta) -> str:
    """
    Write Reconciling's message while health is awaited.
    """
    return (
        f"Running health checks for revision {revision} with a timeout of"
        f" {format_duration(timeout.total_seconds())}"
    )


def finished(seconds: float, next_in: timedelta) -> str:
    """
    Write the message of the event that ends a successful pass.
    """
    return (
        f"Reconciliation finished in {_short(seconds)}, next run in"
        f" {format_duration(round(next_in.total_seconds()))}"
    )


def refused(refusals: Sequence[Refusal], total: int) -> str:
    """
    Say which objects were refused: ``2 of 40 objects refused: Kind/ns/name: ...``.
    """
    head = f"{len(refusals)} of {total} object{'s' if total != 1 else ''} refused: "
    rest = f"; and {len(refusals) - SHOWN} more" if len(refusals) > SHOWN else ""
    return head + "; ".join(str(one) for one in refusals[:SHOWN]) + rest


def prune_failed(failures: Sequence[Refusal]) -> str:
    """
    Say which deletions failed.
    """
    rest = f" and {len(failures) - SHOWN} more;" if len(failures) > SHOWN else ""
    return "delete failed, errors: " + " ".join(f"{one};" for one in failures[:SHOWN]) + rest


def left_behind(count: int) -> str:
    """
    Say how many objects stay when their Kustomization goes.
    """
    return f"{count} object{'s of its inventory stay' if count != 1 else ' of its inventory stays'}"


def health_passed(seconds: float) -> str:
    """
    Write Healthy's message after all checks passed.
    """
    return f"Health check passed in {_short(seconds)}"


def unhealthy(healths: Mapping[ObjectKey, Health], *, seconds: float, early: bool) -> str:
    """
    Write Ready's message of a failed health check.

    Args:
        healths: Of the objects that are not Current.
        seconds: Since the check began.
        early: An object failed; else the time ran out.

    """
    return f"health check failed after {_short(seconds)}: {unhealthy_tail(healths, early=early)}"


def unhealthy_tail(healths: Mapping[ObjectKey, Health], *, early: bool) -> str:
    """
    Write Healthy's message of a failed health check.
    """
    head = "failed early due to stalled resources" if early else "timeout waiting for"
    chosen = {
        key: health
        for key, health in healths.items()
        if (health.status is Status.FAILED if early else health.status is not Status.CURRENT)
    }
    keys = sorted(chosen, key=sort_key)
    rows = [f"{key} status: '{chosen[key].status}'" for key in keys[:SHOWN]]
    rest = f", and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    unseen = [key for key in keys if chosen[key].status in {Status.NOT_FOUND, Status.UNKNOWN}]
    text = f"{head}: [{', '.join(rows)}{rest}]"
    return f"can't determine status for {unseen[0]}; {text}" if unseen and not early else text


def changes(actions: Iterable[tuple[ObjectKey, Action]]) -> str:
    """
    Write the change log of a pass: one line for each object that was changed.
    """
    return "\n".join(f"{key} {action}" for key, action in actions if action.changes)


def _short(seconds: float) -> str:
    # More digits than milliseconds are noise to a reader.
    return format_duration(round(max(seconds, 0.0), 3))
