"""
``status.history``: the last results, at most five, newest first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.api.duration import format_duration

LIMIT = 5  # entries, as the reference keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """
    How one pass went.

    Args:
        digest: Of what was rendered.
        result: One of ReconciliationSucceeded, ReconciliationFailed, PruneFailed,
            HealthCheckFailed; other failures make no entry.
        now: RFC 3339.
        seconds: How long the pass took.
        metadata: ``revision`` and ``originRevision``.

    """

    digest: str
    result: str
    now: str
    seconds: float
    metadata: Mapping[str, str] = field(default_factory=dict)


def record(
    history: Iterable[Mapping[str, Any]] | None, snapshot: Snapshot
) -> list[Mapping[str, Any]]:
    """
    Put a result in front; one of the same digest and result is updated in place of a new one.
    """
    old = [entry for entry in history or () if isinstance(entry, Mapping)]
    same = next((entry for entry in old if _is(entry, snapshot)), None)
    metadata = {name: value for name, value in snapshot.metadata.items() if value}
    first = {
        "digest": snapshot.digest,
        "firstReconciled": same["firstReconciled"] if same else snapshot.now,
        "lastReconciled": snapshot.now,
        "lastReconciledDuration": format_duration(snapshot.seconds),
        "lastReconciledStatus": snapshot.result,
        "totalReconciliations": (int(same["totalReconciliations"]) if same else 0) + 1,
        **({"metadata": metadata} if metadata else {}),
    }
    return [first, *(entry for entry in old if entry is not same)][:LIMIT]


def _is(entry: Mapping[str, Any], snapshot: Snapshot) -> bool:
    known = (entry.get("digest"), entry.get("lastReconciledStatus"))
    complete = "firstReconciled" in entry and isinstance(entry.get("totalReconciliations"), int)
    return complete and known == (snapshot.digest, snapshot.result)
