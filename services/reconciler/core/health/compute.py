"""
The health of one object by kstatus' rules, and of many by the worst of them.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from services.reconciler.core.health.base import (
    Health,
    Status,
    condition,
    current,
    failed,
    in_progress,
    maps,
    part,
    rank,
    said,
)
from services.reconciler.core.health.claim import claim
from services.reconciler.core.health.daemonset import daemonset
from services.reconciler.core.health.definition import definition
from services.reconciler.core.health.deployment import deployment
from services.reconciler.core.health.job import job
from services.reconciler.core.health.pod import pod
from services.reconciler.core.health.replicaset import replicaset
from services.reconciler.core.health.service import service
from services.reconciler.core.health.statefulset import statefulset
from services.reconciler.core.kinds import BUILT_IN_GROUPS

Rule = Callable[[Mapping[str, Any]], Health]


def _always(_obj: Mapping[str, Any]) -> Health:
    return current("Resource is current")


RULES: Mapping[tuple[str, str], Rule] = {
    ("apps", "Deployment"): deployment,
    ("apps", "StatefulSet"): statefulset,
    ("apps", "DaemonSet"): daemonset,
    ("apps", "ReplicaSet"): replicaset,
    ("batch", "Job"): job,
    ("batch", "CronJob"): _always,
    ("", "PersistentVolumeClaim"): claim,
    ("", "Service"): service,
    ("", "ConfigMap"): _always,
    ("", "Secret"): _always,
    ("policy", "PodDisruptionBudget"): _always,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definition,
}
# Their health is always the same, or not known: metadata are enough to watch.
_WITHOUT_STATUS = frozenset({("", "ConfigMap"), ("", "Secret"), ("batch", "CronJob")})


def compute(obj: Mapping[str, Any], *, now: datetime | None = None) -> Health:
    """
    Judge one object; the first rule that matches decides.
    """
    metadata, status = part(obj, "metadata"), part(obj, "status")
    if metadata.get("deletionTimestamp"):
        return Health(Status.TERMINATING, "Resource scheduled for deletion")
    generation, seen = metadata.get("generation"), status.get("observedGeneration")
    if isinstance(generation, int) and isinstance(seen, int) and generation != seen:
        return in_progress(f"generation is {generation}, but observedGeneration is {seen}")
    for one in maps(status, "conditions"):
        if (one.get("type"), one.get("status")) == ("Reconciling", "True"):
            return in_progress(said(one, "Reconciling"))
        if (one.get("type"), one.get("status")) == ("Stalled", "True"):
            return failed(said(one, "Stalled"))
    return _by_kind(obj, now)


def needs_whole_object(group: str, kind: str) -> bool:
    """
    Say whether health needs more of an object than its metadata.

    Kinds with a rule do, and every kind that is not built in, for its conditions.
    """
    known = (group, kind)
    if known in _WITHOUT_STATUS:
        return False
    return known in RULES or known == ("", "Pod") or group not in BUILT_IN_GROUPS


def worst(healths: Iterable[Health]) -> Health:
    """
    Roll up: return the worst, the first of equals; Current if there is none.
    """
    return max(healths, key=lambda health: rank(health.status), default=current())


def _by_kind(obj: Mapping[str, Any], now: datetime | None) -> Health:
    kind = (str(obj.get("apiVersion") or "").rpartition("/")[0], str(obj.get("kind") or ""))
    if kind == ("", "Pod"):
        return pod(obj, now)
    if kind in RULES:
        return RULES[kind](obj)
    ready = condition(obj, "Ready")
    if ready.get("status") == "True":
        return current(said(ready, "Resource is Ready"))
    # Anybody may have written this status: it need not be a text, nor hashable.
    if ready.get("status") in ("False", "Unknown"):
        return in_progress(said(ready, "Resource is not Ready"))
    return current("Resource is current")
