"""
Fields of a Kustomization that this version cannot honour. Each is said, none is ignored.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from services.reconciler.core.manifest import group_of
from shared.api import Kustomization
from shared.api.kinds import SOURCE_GROUP

REASON = "NotSupported"
_SOURCE_KINDS = frozenset({"GitRepository"})
_WHERE_AND_WHO = frozenset({"spec.serviceAccountName", "spec.kubeConfig"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """
    A field, and what to do about it.
    """

    field: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field} is not supported: {self.remedy}"


def unsupported(kustomization: Kustomization) -> tuple[Unsupported, ...]:
    """
    Return the fields that are set and that this version does not know how to honour.
    """
    return tuple(Unsupported(field=name, remedy=remedy) for name, remedy in _find(kustomization))


def barred_deletion(kustomization: Kustomization) -> str:
    """
    Say why the objects may not be deleted by us; empty if they may.

    Where they are, or with whose rights they were made, is not for us to guess.
    """
    found = tuple(one for one in unsupported(kustomization) if one.field in _WHERE_AND_WHO)
    if not found:
        return ""
    named = " and ".join(one.field for one in found)
    return f"{named} cannot be honoured; delete the objects yourself if they are not wanted"


def message_of(found: tuple[Unsupported, ...]) -> str:
    """
    Write the condition's message.
    """
    return "; ".join(str(one) for one in found)


def _find(kustomization: Kustomization) -> Iterator[tuple[str, str]]:
    spec = kustomization.spec
    if spec.service_account_name:
        yield (
            "spec.serviceAccountName",
            (
                "nothing is applied with other rights than asked for; remove it to use the"
                " reconciler's own"
            ),
        )
    if spec.kube_config is not None:
        yield (
            "spec.kubeConfig",
            "run a reconciler in that cluster, or remove it to apply to this one",
        )
    if spec.decryption is not None:
        yield "spec.decryption", "keep secrets out of this path, or in plain objects of the cluster"
    if spec.health_check_exprs:
        yield "spec.healthCheckExprs", "remove it; custom kinds are judged by their conditions"
    if any(one.ready_expr for one in spec.depends_on):
        yield (
            "spec.dependsOn[].readyExpr",
            "remove it; a dependency is ready by its condition Ready",
        )
    if spec.source_ref.kind not in _SOURCE_KINDS:
        yield (
            f"spec.sourceRef.kind {spec.source_ref.kind}",
            f"use one of {', '.join(sorted(_SOURCE_KINDS))}",
        )
    version = spec.source_ref.api_version
    if version and group_of(version) != SOURCE_GROUP:
        yield f"spec.sourceRef.apiVersion {version}", f"use {SOURCE_GROUP}/v1"
