"""
What people and other programs do to objects by hand, and what a report of it must say.

Each edit changes something that is declared. What sets a value leaves its manager's name in the
object; what removes a value, or the object, leaves no trace. Each says by path what was there and
what came: ``None`` for nothing, a count for a list, and never a value that may be secret.
"""

import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.common.hands import Hands
from shared.kube import Resource

UNTRACED = "a client that left no trace"
NAMESPACE = "drift"
Json = dict[str, Any]
Do = Callable[[Hands, Resource, Json], Awaitable[Json | None]]
Fields = Mapping[str, tuple[object, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """
    One thing that is done; a report must name ``manager``, and ``fields`` from what to what.
    """

    name: str
    do: Do
    fields: Fields = field(default_factory=dict)
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
_ONE = "(1 items)"
_HIDDEN = ("***", "***")
_TOLD_FIELDS: Fields = {"metadata.annotations.told": ("ours", None)}
# By kind: what is to be told of both. A path with "token" in it is hidden, and Secrets are.
_SAID: dict[str, tuple[Fields, Fields]] = {
    "ConfigMap": ({"data.first": ("ours", "by hand")}, {"data.second": ("ours", None)}),
    "Secret": ({"data.first": _HIDDEN}, {"data.second": _HIDDEN}),
    "Service": ({"spec.selector.app": ("app", "other")}, _TOLD_FIELDS),
    "Deployment": (
        {"spec.minReadySeconds": (3, 7)},
        {"spec.template.spec.serviceAccountName": ("app", None)},
    ),
    "Ingress": ({"spec.rules": (_ONE, _ONE)}, {"spec.tls": (_ONE, None)}),
    "ServiceAccount": ({"automountServiceAccountToken": _HIDDEN}, _TOLD_FIELDS),
    "Role": ({"rules": (_ONE, _ONE)}, _TOLD_FIELDS),
}
# A selector is one value to whoever applies it: what is not applied goes.
_APPLIED: dict[str, Fields] = {"Service": {"spec.selector.tier": ("front", None)}}
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


def _team(kind: str, value: str | None) -> Fields:
    # The objects of this kind are called secret-…, and a name hides as a path does.
    return {"metadata.labels.team": _HIDDEN if kind == "Secret" else ("ours", value)}


def edits(kind: str) -> tuple[Edit, ...]:
    """
    Return what can be done to an object of a kind.
    """
    patch, removal = _FIELDS[kind]
    set_, unset = _SAID[kind]
    both = _merged(patch, _MORE)
    put, edit, label = "kubectl-replace", "kubectl-edit", "kubectl-label"

    def named(name: str, do: Do, manager: str, fields: Fields) -> Edit:
        return Edit(name=name, do=do, manager=manager, fields=fields)

    common = (
        named("merge patch", _merge(patch, "kubectl-patch"), "kubectl-patch", set_),
        named("edit", _strategic(_LABEL, edit), edit, _team(kind, "by-hand")),
        named("edit and add", _merge(both, edit), edit, set_),
        named("JSON patch", _json("/metadata/labels/team", "x", "tool"), "tool", _team(kind, "x")),
        named("replace", _put(both, put), put, set_),
        named(
            "apply",
            _applied(both, "other-gitops"),
            "other-gitops",
            {**set_, **_APPLIED.get(kind, {})},
        ),
        named("label", _strategic(_LABEL, label), label, _team(kind, "by-hand")),
        named("remove a field", _merge(removal, edit), UNTRACED, unset),
        named("remove a label", _strategic(_NO_LABEL, label), UNTRACED, _team(kind, None)),
        named("replace without", _put(removal, put), UNTRACED, unset),
        Edit(name="delete", do=_delete, gone=True),
    )
    return common + (_DEPLOYMENT if kind == "Deployment" else ())


_IMAGE: Json = {"containers": [{"name": "app", "image": "registry.example.com/app:by-hand"}]}
_OURS, _APP = "registry.example.com/app:v1", "spec.template.spec.containers[name=app]"
_DEPLOYMENT = (
    Edit(name="scale", do=_scale, manager="kubectl", fields={"spec.replicas": (0, 2)}),
    Edit(
        name="set image",
        do=_strategic({"spec": {"template": {"spec": _IMAGE}}}, "kubectl-set"),
        manager="kubectl-set",
        fields={f"{_APP}.image": (_OURS, "registry.example.com/app:by-hand")},
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
_CONTAINER = {"name": "app", "image": _OURS}
_LABELS = {"app": "app", "tier": "front"}
_BACKEND = {"service": {"name": "app", "port": {"number": 80}}}
_PATHS = {"paths": [{"path": "/", "pathType": "Prefix", "backend": _BACKEND}]}
_BODIES: dict[str, Json] = {
    "ConfigMap": {"data": {"first": "ours", "second": "ours"}},
    # Not what the others hold: a value of a Secret is hidden wherever it stands.
    "Secret": {"data": {"first": "aGlkZGVuLTE=", "second": "aGlkZGVuLTI="}},
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
