"""
The order of applies and deletes, and what an object that is not there holds up.

Stages: what defines kinds and places first, then classes, then everything else. A later stage waits
only for what it needs of an earlier one.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Any

from services.reconciler.core.health.base import part
from services.reconciler.core.manifest import Desired
from shared.model import ObjectKey

_APIEXTENSIONS = "apiextensions.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_DEFINING = frozenset(
    {("CustomResourceDefinition", _APIEXTENSIONS), ("Namespace", ""), ("ClusterRole", _RBAC)}
)
_FIRST = (
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
_LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_RANKS = {
    **{kind: rank - len(_FIRST) for rank, kind in enumerate(_FIRST)},
    **{kind: rank + 1 for rank, kind in enumerate(_LAST)},
}

SortKey = tuple[int, str, str, str, str]


def sort_key(key: ObjectKey) -> SortKey:
    """
    Return what objects are sorted by inside a stage.
    """
    return (_RANKS.get(key.kind, 0), key.group, key.kind, key.namespace, key.name)


def stage_of(key: ObjectKey) -> int:
    """
    Return the number of the stage of a kind, from 0.
    """
    if (key.kind, key.group) in _DEFINING:
        return 0
    return 1 if key.kind.endswith("Class") else 2


def stages(desired: Iterable[Desired]) -> list[list[Desired]]:
    """
    Put objects into stages, each in its order; stages without objects are left out.
    """
    found: dict[int, list[Desired]] = {}
    for one in sorted(desired, key=lambda one: sort_key(one.key)):
        found.setdefault(stage_of(one.key), []).append(one)
    return [found[number] for number in sorted(found)]


def apply_order(desired: Iterable[Desired]) -> tuple[Desired, ...]:
    """
    Return all objects in the order of their applies.
    """
    return tuple(chain.from_iterable(stages(desired)))


def delete_order(keys: Iterable[ObjectKey]) -> list[ObjectKey]:
    """
    Return keys in the order of their deletes: the order of applies backwards.
    """
    return sorted(keys, key=lambda key: (stage_of(key), sort_key(key)), reverse=True)


def blocked_by(
    obj: Desired, missing: AbstractSet[ObjectKey], desired: Mapping[ObjectKey, Desired]
) -> ObjectKey | None:
    """
    Return which missing (refused or pending) object this one cannot do without.

    Only its namespace and the definition of its kind count: all else may come in any order.
    """
    if not missing:
        return None
    namespace = ObjectKey(group="", kind="Namespace", namespace="", name=obj.key.namespace)
    if obj.key.namespace and namespace in missing:
        return namespace
    for key in missing:
        if (key.kind, key.group) == ("CustomResourceDefinition", _APIEXTENSIONS):
            definition = desired.get(key)
            if definition is not None and defines(definition.object, obj.key):
                return key
    return None


def defines(definition: Mapping[str, Any], key: ObjectKey) -> bool:
    """
    Say whether a CustomResourceDefinition defines the kind of ``key``.
    """
    spec, names = part(definition, "spec"), part(definition, "spec", "names")
    return (spec.get("group"), names.get("kind")) == (key.group, key.kind)
