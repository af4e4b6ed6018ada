"""
Fields of a Kustomization that this version cannot honour. Each is said, none is ignored.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.api import Kustomization

REASON = "NotSupported"
_SOURCE_KINDS = frozenset({"GitRepository"})


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
            "nothing is applied with other rights than asked for; without it ours are used",
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
