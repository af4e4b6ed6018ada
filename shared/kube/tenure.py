"""
Whose a Lease is, judged from what was seen of it and when; pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

DURATION = 15.0  # seconds; another holder may take a Lease that was not renewed for as long
RENEW_DEADLINE = 10.0  # seconds after which we write no more without a renewal
RETRY = 2.0  # seconds between renewals, and between looks at somebody else's Lease
# Seconds; no service asks for more. A Lease that names years would keep all of them from starting.
_LONGEST = 60.0
_SHOWN = 253  # characters of a holder that are told; ours are the name of a host and an id
_TRANSITIONS = 2**31 - 1  # the largest that the API server takes


@dataclass(frozen=True, slots=True)
class Missing:
    """
    There is no Lease: create it.
    """


@dataclass(frozen=True, slots=True)
class Takeable:
    """
    It is ours, released, or expired: write our name, under its resourceVersion.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    Somebody else has it; ``remaining`` seconds until it expires if it is not renewed.
    """

    holder: str
    remaining: float


Verdict = Missing | Takeable | Held


class Observer:
    """
    Remembers when a Lease last changed before our eyes.

    A renewal is judged by its change, not by its time: clocks of other machines may be wrong.
    """

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._seen: tuple[str, str] = ("", "")
        self._seen_at = 0.0

    def judge(self, lease: Mapping[str, Any] | None, *, monotonic: float) -> Verdict:
        """
        Say what may be done with a Lease that was read at ``monotonic``.
        """
        if lease is None:
            return Missing()
        spec = lease.get("spec") or {}
        holder = str(spec.get("holderIdentity") or "")
        if holder in {"", self._identity}:
            return Takeable()
        seen = (holder, str(spec.get("renewTime") or ""))
        if seen != self._seen:
            self._seen, self._seen_at = seen, monotonic
        duration = min(float(spec.get("leaseDurationSeconds") or DURATION), _LONGEST)
        remaining = self._seen_at + duration - monotonic
        return Takeable() if remaining <= 0 else Held(holder=holder[:_SHOWN], remaining=remaining)


def taken(
    name: str, namespace: str, identity: str, *, before: Mapping[str, Any] | None, now: datetime
) -> dict[str, Any]:
    """
    Write a Lease in our name; ``before`` is what is there now.
    """
    spec = dict((before or {}).get("spec") or {})
    moment = micro_time(now)
    ours = spec.get("holderIdentity") == identity
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if before is not None:
        metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
    transitions = int(spec.get("leaseTransitions") or 0)
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": int(DURATION),
            "acquireTime": spec["acquireTime"] if ours and "acquireTime" in spec else moment,
            "renewTime": moment,
            "leaseTransitions": min(transitions + (before is not None and not ours), _TRANSITIONS),
        },
    }


def released(lease: Mapping[str, Any]) -> dict[str, Any]:
    """
    Write the patch that gives a Lease back, if it is still as we know it.
    """
    return {
        "metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]},
        "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
    }


def micro_time(moment: datetime) -> str:
    """
    Write a time as a Lease has it, with microseconds.
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
