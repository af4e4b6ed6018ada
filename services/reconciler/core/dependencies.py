"""
What must be Ready before a pass, and which revision of a source is the newer one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.model import Conditions, ObjectKey

_GROUP = "kustomize.toolkit.fluxcd.io"
WAITING_MESSAGE = "Dependencies do not meet ready condition, retrying in 30s"

# Finds a Kustomization in memory or in the API; None if it is not there.
Find = Callable[[ObjectKey], Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """
    The first dependency that is not there yet.
    """

    key: ObjectKey
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    The source object that a Kustomization uses, and its revision now.
    """

    kind: str
    namespace: str
    name: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """
    One state of a source: which object, the number of the revision within it, the content.

    ``sequence`` 0 means that nobody counted, as when another controller wrote the status.
    """

    uid: str
    sequence: int
    digest: str


def dependency_key(name: str, namespace: str, own_namespace: str) -> ObjectKey:
    """
    Return the key of a dependency; its namespace is our own if it names none.
    """
    return ObjectKey(
        group=_GROUP, kind="Kustomization", namespace=namespace or own_namespace, name=name
    )


def check(dependencies: Iterable[ObjectKey], find: Find, source: Source) -> Unmet | None:
    """
    Return the first dependency that holds us up.
    """
    for key in dependencies:
        found = find(key)
        name = f"{key.namespace}/{key.name}"
        if found is None:
            message = (
                f"dependency '{name}' not found: kustomizations.{_GROUP} \"{key.name}\" not found"
            )
            return Unmet(key=key, message=message)
        if not _is_ready(found):
            return Unmet(key=key, message=f"dependency '{name}' is not ready")
        if _same_source(found, source) and _applied(found) != source.revision:
            message = f"dependency '{name}' revision is not up to date"
            return Unmet(key=key, message=message)
    return None


def newer(current: SourceState | None, incoming: SourceState, *, from_status: bool = False) -> bool:
    """
    Say whether an announced state goes before the one that we know.

    Args:
        current: What was attempted last, if anything.
        incoming: What a message or the source object says.
        from_status: The source object itself says so; among equal numbers it decides.

    """
    if current is None or current.uid != incoming.uid:
        return True
    if not (current.sequence and incoming.sequence):
        return current.digest != incoming.digest
    if incoming.sequence != current.sequence:
        return incoming.sequence > current.sequence
    return from_status and current.digest != incoming.digest


def _is_ready(found: Mapping[str, Any]) -> bool:
    status = found.get("status") or {}
    generation = (found.get("metadata") or {}).get("generation")
    conditions = Conditions.from_json(status.get("conditions"))
    return status.get("observedGeneration") == generation and conditions.is_true("Ready")


def _same_source(found: Mapping[str, Any], source: Source) -> bool:
    reference = (found.get("spec") or {}).get("sourceRef") or {}
    namespace = reference.get("namespace") or (found.get("metadata") or {}).get("namespace")
    return (reference.get("kind"), namespace, reference.get("name")) == (
        source.kind,
        source.namespace,
        source.name,
    )


def _applied(found: Mapping[str, Any]) -> Any:
    return (found.get("status") or {}).get("lastAppliedRevision")
