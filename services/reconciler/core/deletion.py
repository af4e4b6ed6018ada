"""
What of a declaration matters to its end: a spec that cannot be read must not hold it for ever.
"""

from collections.abc import Mapping
from typing import Any

from services.reconciler.core.health.base import part
from shared.api import Kustomization
from shared.errors import StalledError

_MATTERS = ("prune", "deletionPolicy", "suspend", "timeout", "serviceAccountName", "kubeConfig")
# Stands in for what only passes need.
_STAND_IN = {"interval": "5m", "sourceRef": {"kind": "GitRepository", "name": "unreadable"}}


def about_end(obj: Mapping[str, Any]) -> Kustomization:
    """
    Read a Kustomization that ends, though a field that only passes need cannot be read.

    Raises:
        StalledError: What becomes of its objects cannot be read.

    """
    try:
        return Kustomization.read(obj)
    except StalledError:
        spec = part(obj, "spec")
        given = {name: spec[name] for name in _MATTERS if name in spec}
        return Kustomization.read({**obj, "spec": _STAND_IN | given, "status": {}})


def deletes(declared: Kustomization) -> bool:
    """
    Say whether the objects go with their Kustomization.
    """
    if declared.spec.suspend:
        return False
    match declared.spec.deletion_policy:
        case "MirrorPrune":
            return declared.spec.prune
        case "Orphan":
            return False
        case _:
            return True
