"""
What keeps a pass from beginning: the declaration, its source, its dependencies.
"""

from dataclasses import dataclass
from typing import Any

from services.reconciler.core import conditions, refusals
from services.reconciler.core.dependencies import (
    WAITING_MESSAGE,
    Find,
    SourceState,
    check,
    dependency_key,
)
from services.reconciler.core.dependencies import Source as UsedSource
from services.reconciler.core.schedule import After
from services.reconciler.core.sources import Source
from shared.api import Kustomization
from shared.model import ObjectKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """
    Why a pass does not begin, and what is told; ``told`` is empty if no event goes out.
    """

    reason: str
    message: str
    after: After
    severity: str = "error"
    told: str = ""
    observed: bool = True
    dependency: ObjectKey | None = None


def declaration(declared: Kustomization, *, no_cross_namespace_refs: bool) -> Obstacle | None:
    """
    Judge the declaration itself: only its change can help.
    """
    found = refusals.unsupported(declared)
    if found:
        text = refusals.message_of(found)
        return Obstacle(
            reason=conditions.NOT_SUPPORTED, message=text, after=After.STALLED, told=text
        )
    meta, reference = declared.metadata, declared.spec.source_ref
    namespace = reference.namespace or meta.namespace
    if no_cross_namespace_refs and namespace != meta.namespace:
        text = (
            f"can't access '{reference.kind}/{namespace}/{reference.name}', cross-namespace "
            "references have been blocked"
        )
        return Obstacle(
            reason=conditions.ACCESS_DENIED,
            message=text,
            after=After.STALLED,
            told=text,
            observed=False,
        )
    return None


def source(declared: Kustomization, found: Source | None) -> Obstacle | None:
    """
    Judge the source: it must be there and have an artifact.
    """
    reference = declared.spec.source_ref
    namespace = reference.namespace or declared.metadata.namespace
    if found is None:
        return Obstacle(
            reason=conditions.ARTIFACT_FAILED,
            message=(
                f"{reference.kind} {namespace}/{reference.name} not found: create it, or correct "
                "spec.sourceRef"
            ),
            after=After.FAILURE,
        )
    if not found.digest:
        why = f" ({found.trouble})" if found.trouble else ""
        return Obstacle(
            reason=conditions.ARTIFACT_FAILED,
            message=f"Source artifact not found, retrying in 30s{why}",
            after=After.DEPENDENCY,
        )
    return None


def dependencies(declared: Kustomization, found: Source, find: Find) -> Obstacle | None:
    """
    Judge the dependencies: each must be Ready, and at our revision if it has our source.
    """
    own = declared.metadata.namespace or ""
    unmet = check(
        [dependency_key(one.name, one.namespace or "", own) for one in declared.spec.depends_on],
        find,
        UsedSource(
            kind=found.kind, namespace=found.namespace, name=found.name, revision=found.revision
        ),
    )
    if unmet is None:
        return None
    return Obstacle(
        reason=conditions.DEPENDENCY_NOT_READY,
        message=unmet.message,
        after=After.DEPENDENCY,
        severity="info",
        told=WAITING_MESSAGE,
        dependency=unmet.key,
    )


def overtaken(status: dict[str, Any], found: Source | SourceState) -> bool:
    """
    Say whether a newer revision of this source is recorded than the one we know of.
    """
    recorded = conditions.attempted_source(status)
    return (
        recorded is not None
        and recorded.uid == found.uid
        and recorded.sequence > found.sequence > 0
    )
