"""
Taking over fields from tools that managed an object before, and objects that belong to others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.reconciler.core.fields import subtract
from services.reconciler.core.manifest import MANAGER
from services.reconciler.core.options import PREFIX
from services.reconciler.core.owner import Owner
from shared.model import ObjectKey

_HELM_PREFIX = "helm.toolkit.fluxcd.io/"
_PARTS = ("name", "namespace")
_KUSTOMIZE_GROUP = "kustomize.toolkit.fluxcd.io"
_HELM_GROUP = "helm.toolkit.fluxcd.io"

# Managers by the beginning of their names: kubectl-edit, kubectl-client-side-apply, Helm, helm, ...
_FOLDED = (
    "kubectl",
    "helm",
    "Helm",
    "before-first-apply",
    "kustomize-controller",
    "flux-client-side-apply",
)
_OLD_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
)
_OLD_LABELS = ("fluxcd.io/sync-gc-mark",)

Operation = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOwner:
    """
    Another Kustomization or HelmRelease whose labels an object carries.
    """

    kind: str
    namespace: str
    name: str

    @property
    def key(self) -> ObjectKey:
        """
        Return its key, to see whether it lives.
        """
        group = _HELM_GROUP if self.kind == "HelmRelease" else _KUSTOMIZE_GROUP
        return ObjectKey(group=group, kind=self.kind, namespace=self.namespace, name=self.name)

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


def fold(obj: Mapping[str, Any], manager: str = MANAGER) -> list[Operation] | None:
    """
    Return the JSON patch that makes us the only owner of what we declare; None if we are.

    Judged from the response to our apply, in which our entry has every field that we declare:
    other tools' entries lose those fields, so that a field later removed from Git goes. Fields of
    theirs that we do not declare stay theirs. Not for objects with ``ssa: Merge``.
    """
    metadata = obj.get("metadata") or {}
    found = metadata.get("managedFields") or []
    own = next((one for one in found if _is_own(one, manager)), None)
    version = metadata.get("resourceVersion")
    if own is None or not version:
        return None
    operations: list[Operation] = []
    kept = _without(found, own)
    if kept != found:
        operations.append({"op": "replace", "path": "/metadata/managedFields", "value": kept})
    operations.extend(_removals(metadata, "annotations", _OLD_ANNOTATIONS, own))
    operations.extend(_removals(metadata, "labels", _OLD_LABELS, own))
    if not operations:
        return None
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    return [test, *operations]


def foreign_owner(labels: Mapping[str, Any] | None, own: Owner) -> ForeignOwner | None:
    """
    Return the other owner that an object's labels name, if they do.
    """
    labels = labels or {}
    for kind, prefix in (("Kustomization", PREFIX), ("HelmRelease", _HELM_PREFIX)):
        name, namespace = labels.get(f"{prefix}name"), labels.get(f"{prefix}namespace")
        if not (name and namespace):
            continue
        if kind == "Kustomization" and (name, namespace) == (own.name, own.namespace):
            continue
        return ForeignOwner(kind=kind, namespace=str(namespace), name=str(name))
    return None


def owner_labels(labels: Mapping[str, Any] | None) -> dict[str, str]:
    """
    Return those of an object's labels that name an owner.
    """
    names = (f"{prefix}{part}" for prefix in (PREFIX, _HELM_PREFIX) for part in _PARTS)
    return {name: str(labels[name]) for name in names if name in labels} if labels else {}


def conflict_message(other: ForeignOwner, own: Owner, *, unread: bool = False) -> str:
    """
    Say why an object is refused that another living owner has.

    Args:
        other: Who has it.
        own: Who declares it as well.
        unread: Nobody knows whether the other still declares it: its newest state was not rendered.

    """
    if unread:
        return (
            f"belongs to {other}, which still exists and whose newest state cannot be read, and is"
            f" declared by {own} too; see what {other} says in its status, and mend it, resume it,"
            " or delete it with deletionPolicy Orphan"
        )
    return (
        f"belongs to {other}, which still exists, and is declared by {own} too; remove it from one"
        " of them"
    )


def _is_own(entry: Mapping[str, Any], manager: str) -> bool:
    return (
        entry.get("manager") == manager
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
    )


def _without(found: list[dict[str, Any]], own: Mapping[str, Any]) -> list[dict[str, Any]]:
    kept = []
    for entry in found:
        if entry is own or entry.get("subresource") or not _folds(entry):
            kept.append(entry)
            continue
        fields = entry.get("fieldsV1") or {}
        rest = subtract(fields, own.get("fieldsV1") or {})
        if rest:
            kept.append({**entry, "fieldsV1": rest} if rest != fields else entry)
    return kept


def _folds(entry: Mapping[str, Any]) -> bool:
    return str(entry.get("manager") or "").startswith(_FOLDED)


def _removals(
    metadata: Mapping[str, Any], field: str, names: tuple[str, ...], own: Mapping[str, Any]
) -> list[Operation]:
    held = metadata.get(field) or {}
    declared = (own.get("fieldsV1") or {}).get("f:metadata", {}).get(f"f:{field}", {})
    return [
        {"op": "remove", "path": f"/metadata/{field}/{name.replace('/', '~1')}"}
        for name in names
        if name in held and f"f:{name}" not in declared
    ]
