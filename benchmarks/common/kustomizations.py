"""
Kustomizations of a benchmark: their declaration, and what their status says.
"""

from typing import Any

GROUP = "kustomize.toolkit.fluxcd.io"
Json = dict[str, Any]


def declaration(
    name: str,
    namespace: str,
    path: str,
    *,
    target: str = "",
    wait: bool = True,
    source: str = "example",
    suffix: str = "",
) -> Json:
    """
    Declare one that follows a source in `flux-system`.

    Args:
        name: Of the Kustomization.
        namespace: Of the Kustomization.
        path: In the repository.
        target: The namespace of its objects, if not its own.
        wait: Whether health is waited for.
        source: The GitRepository's name.
        suffix: Of its objects' names.

    """
    spec = {
        "interval": "1h",
        "path": path,
        "prune": True,
        "wait": wait,
        "targetNamespace": target or namespace,
        "sourceRef": {"kind": "GitRepository", "name": source, "namespace": "flux-system"},
    }
    if suffix:
        spec["nameSuffix"] = suffix
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def ready(one: Json, revision: str = "") -> bool:
    """
    Say whether it is Ready, at a revision that ends so.
    """
    status = one.get("status", {})
    said = {c["type"]: c["status"] for c in status.get("conditions", [])}
    return said.get("Ready") == "True" and status.get("lastAppliedRevision", "").endswith(revision)


def namespace(name: str) -> Json:
    """
    Declare a namespace.
    """
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
