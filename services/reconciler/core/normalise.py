"""
Small differences between what people write and what the API server keeps, levelled before sending.
"""

from collections.abc import Iterator
from typing import Any

# Where a kind keeps its pod.
_POD_SPECS: dict[tuple[str, str], tuple[str, ...]] = {
    ("v1", "Pod"): ("spec",),
    ("v1", "ReplicationController"): ("spec", "template", "spec"),
    ("apps/v1", "Deployment"): ("spec", "template", "spec"),
    ("apps/v1", "StatefulSet"): ("spec", "template", "spec"),
    ("apps/v1", "DaemonSet"): ("spec", "template", "spec"),
    ("apps/v1", "ReplicaSet"): ("spec", "template", "spec"),
    ("batch/v1", "Job"): ("spec", "template", "spec"),
    ("batch/v1", "CronJob"): ("spec", "jobTemplate", "spec", "template", "spec"),
}
# What generators write where an injector will put the real bundle; the server refuses it.
_EMPTY_BUNDLES = ("", "\n", "Cg==")


def normalise(obj: dict[str, Any]) -> None:
    """
    Change an object in place: port protocols, empty CA bundles of definitions.
    """
    kind = (str(obj.get("apiVersion")), str(obj.get("kind")))
    for port in _ports(obj, kind):
        # Part of the merge key: without it two applies of one port make two items.
        port.setdefault("protocol", "TCP")
    if kind[1] == "CustomResourceDefinition":
        config = _down(obj, ("spec", "conversion", "webhook", "clientConfig"))
        if config is not None and config.get("caBundle") in _EMPTY_BUNDLES:
            del config["caBundle"]


def _ports(obj: dict[str, Any], kind: tuple[str, str]) -> Iterator[dict[str, Any]]:
    if kind == ("v1", "Service"):
        yield from _maps(_down(obj, ("spec",)), "ports")
    pod = _down(obj, _POD_SPECS[kind]) if kind in _POD_SPECS else None
    for field in ("containers", "initContainers"):
        for container in _maps(pod, field):
            yield from _maps(container, "ports")


def _down(obj: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    current: Any = obj
    for name in path:
        current = current.get(name) if isinstance(current, dict) else None
    return current if isinstance(current, dict) else None


def _maps(holder: dict[str, Any] | None, field: str) -> Iterator[dict[str, Any]]:
    values = holder.get(field) if holder else None
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, dict))
