"""
References to objects that other services serve: by kind, and by the group of that kind.
"""

from shared.api.kinds import KUSTOMIZE_GROUP, SOURCE_GROUP
from shared.api.references import CrossNamespaceReference

# The kinds whose services send events and read commands, each with its group.
GROUPS = {"GitRepository": SOURCE_GROUP, "Kustomization": KUSTOMIZE_GROUP}


def foreign_group(reference: CrossNamespaceReference) -> str:
    """
    Say what is wrong with the apiVersion of a kind that is served; empty if nothing is.

    The version is not compared: it says how an object is written, and not which object it is.
    """
    group = reference.api_version.rpartition("/")[0]
    wanted = GROUPS[reference.kind]
    if not reference.api_version or group == wanted:
        return ""
    return (
        f"apiVersion {reference.api_version} is not supported yet, no {reference.kind} is there: "
        f"use {wanted}/v1"
    )
