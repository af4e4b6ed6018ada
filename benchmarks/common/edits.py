"""
What people and other programs do to objects by hand, and whom a report of it must name.

Each edit changes something that is declared. What sets a value leaves its manager's name in the
object; what removes a value, or the object, leaves no trace.
"""

import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.common.hands import Hands
from shared.kube import Resource

UNTRACED = "a client that left no trace"
NAMESPACE = "drift"
Json = dict[str, Any]
Do = Callable[[Hands, Resource, Json], Awaitable[Json | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """
    One thing that is done; ``manager`` is who a report must name.
    """

    name: str
    do: Do
    manager: str = UNTRACED
    gone: bool = False


# By kind: a field that is declared with another value, and one removed, as merge patches. What is
# removed is neither atomic nor written as null or default: those are values, with an owner.
_TOLD: Json = {"metadata": {"annotations": {"told": None}}}
_ACCOUNT: Json = {"serviceAccountName": None, "serviceAccount": None}
_RULE: Json = {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]}
_FIELDS: dict[str, tuple[Json, Json]] = {
    "ConfigMap": ({"data": {"first": "by hand"}}, {"data": {"second": None}}),
    "Secret": ({"data": {"first": "YnkgaGFuZA=="}}, {"data": {"second": None}}),
    "Service": ({"spec": {"selector": {"app": "other"}}}, _TOLD),
    "Deployment": ({"spec": {"minReadySeconds": 7}}, {"spec": {"template": {"spec": _ACCOUNT}}}),
    "Ingress": ({"spec": {"rules": [{"host": "by.hand.example.com"}]}}, {"spec": {"tls": None}}),
    "ServiceAccount": ({"automountServiceAccountToken": True}, _TOLD),
    "Role": ({"rules": [_RULE]}, _TOLD),
}
_LABEL = {"metadata": {"labels": {"team": "by-hand"}}}
_NO_LABEL = {"metadata": {"labels": {"team": None}}}
_MORE = {"metadata": {"annotations": {"example.com/seen": "by hand"}}}  # nobody declares it


def declared(kind: str, name: str) -> Json:
    """
    Return an object with fields that can be edited.
    """
    meta = {"name": name, "labels": {"team": "ours"}, "annotations": {"told": "ours"}}
    head = {"apiVersion": _VERSIONS[kind], "kind": kind, "metadata": meta}
    return head | copy.deepcopy(_BODIES[kind])


def _merged(into: Any, patch: Json) -> Any:
    found = dict(into) if isinstance(into, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = _merged(found.get(key), value) if isinstance(value, Mapping) else value
    return found


def _merge(patch: Json, manager: str) -> Do:
    async def do(hands: Hands, kind: Resource, live: Json) -> Json:
        where = live["metadata"]
        return await hands.kube.merge_patch(
            kind, where["namespace"], where["name"], patch, manager=manager
        )

    return do


def _strategic(patch: Json, manager: str) -> Do:
    async def do(hands: Hands, kind: Resource, live: Json) -> Json:
        return await hands.strategic(kind, live["metadata"], patch, manager)

    return do


def _json(path: str, value: str, manager: str) -> Do:
    async def do(hands: Hands, kind: Resource, live: Json) -> Json:
        where = live["metadata"]
        ops: list[Json] = [{"op": "replace", "path": path, "value": value}]
        return await hands.kube.json_patch(
            kind, where["namespace"], where["name"], ops, manager=manager
        )

    return do


def _put(patch: Json, manager: str) -> Do:
    async def do(hands: Hands, kind: Resource, live: Json) -> Json:
        # The watch's version may be old by a write to the status: it is no precondition here.
        whole = _merged(live, patch)
        whole["metadata"] = {k: v for k, v in whole["metadata"].items() if k != "resourceVersion"}
        return await hands.replace(kind, whole, manager)

    return do


def _applied(patch: Json, manager: str) -> Do:
    async def do(hands: Hands, kind: Resource, live: Json) -> Json:
        where = live["metadata"]
        meta = {"name": where["name"], "namespace": where["namespace"]}
        wanted = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": meta}
        return await hands.kube.apply(kind, _merged(wanted, patch), manager=manager)

    return do


async def _scale(hands: Hands, kind: Resource, live: Json) -> Json:
    return await hands.scale(kind, live["metadata"], live["spec"]["replicas"] + 2, "kubectl")


async def _delete(hands: Hands, kind: Resource, live: Json) -> None:
    where = live["metadata"]
    await hands.kube.delete(kind, where["namespace"], where["name"])


def edits(kind: str) -> tuple[Edit, ...]:
    """
    Return what can be done to an object of a kind.
    """
    patch, removal = _FIELDS[kind]
    both = _merged(patch, _MORE)
    common = (
        Edit(name="merge patch", do=_merge(patch, "kubectl-patch"), manager="kubectl-patch"),
        Edit(name="edit", do=_strategic(_LABEL, "kubectl-edit"), manager="kubectl-edit"),
        Edit(name="edit and add", do=_merge(both, "kubectl-edit"), manager="kubectl-edit"),
        Edit(name="JSON patch", do=_json("/metadata/labels/team", "x", "tool"), manager="tool"),
        Edit(name="replace", do=_put(both, "kubectl-replace"), manager="kubectl-replace"),
        Edit(name="apply", do=_applied(both, "other-gitops"), manager="other-gitops"),
        Edit(name="label", do=_strategic(_LABEL, "kubectl-label"), manager="kubectl-label"),
        Edit(name="remove a field", do=_merge(removal, "kubectl-edit")),
        Edit(name="remove a label", do=_strategic(_NO_LABEL, "kubectl-label")),
        Edit(name="replace without", do=_put(removal, "kubectl-replace")),
        Edit(name="delete", do=_delete, gone=True),
    )
    return common + (_DEPLOYMENT if kind == "Deployment" else ())


_IMAGE: Json = {"containers": [{"name": "app", "image": "registry.example.com/app:by-hand"}]}
_DEPLOYMENT = (
    Edit(name="scale", do=_scale, manager="kubectl"),
    Edit(
        name="set image",
        do=_strategic({"spec": {"template": {"spec": _IMAGE}}}, "kubectl-set"),
        manager="kubectl-set",
    ),
)
_VERSIONS = {
    "ConfigMap": "v1",
    "Secret": "v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "Deployment": "apps/v1",
    "Ingress": "networking.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1",
}
_CONTAINER = {"name": "app", "image": "registry.example.com/app:v1"}
_LABELS = {"app": "app", "tier": "front"}
_BACKEND = {"service": {"name": "app", "port": {"number": 80}}}
_PATHS = {"paths": [{"path": "/", "pathType": "Prefix", "backend": _BACKEND}]}
_BODIES: dict[str, Json] = {
    "ConfigMap": {"data": {"first": "ours", "second": "ours"}},
    "Secret": {"data": {"first": "b3Vycw==", "second": "b3Vycw=="}},
    "Service": {"spec": {"selector": _LABELS, "ports": [{"name": "http", "port": 80}]}},
    "Deployment": {
        "spec": {
            "replicas": 0,
            "minReadySeconds": 3,
            "selector": {"matchLabels": _LABELS},
            "template": {
                "metadata": {"labels": _LABELS},
                "spec": {"serviceAccountName": "app", "containers": [_CONTAINER]},
            },
        }
    },
    "Ingress": {
        "spec": {
            "rules": [{"host": "ours.example.com", "http": _PATHS}],
            "tls": [{"hosts": ["ours.example.com"]}],
        }
    },
    "ServiceAccount": {"automountServiceAccountToken": False},
    "Role": {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]},
}
KINDS = {kind: api.rpartition("/")[0] for kind, api in _VERSIONS.items()}
