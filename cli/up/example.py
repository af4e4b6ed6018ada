"""
The declarations of the example: where its repository is, and who hears of what happens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

NAMESPACE = "flux-system"
NAME = "example"

Json = dict[str, Any]


def definitions(folder: Path) -> list[Json]:
    """
    Read the CustomResourceDefinitions from `deploy/crds`.
    """
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml")))
    documents = (document for text in texts for document in yaml.safe_load_all(text))
    return [one for one in documents if one and one["kind"] == "CustomResourceDefinition"]


def namespace() -> Json:
    """
    Return the namespace of the declarations, which the services need for their Leases.
    """
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def declarations(*, git_url: str, webhook_url: str, token: str) -> Sequence[Json]:
    """
    Return what makes Setpoint follow the example repository, in the order of their applies.
    """
    meta = {"name": NAME, "namespace": NAMESPACE}
    source = {"kind": "GitRepository", "name": NAME}
    return (
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "receiver-token", "namespace": NAMESPACE},
            "stringData": {"token": token},
        },
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
            "kind": "Provider",
            "metadata": meta,
            "spec": {"type": "generic", "address": webhook_url},
        },
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
            "kind": "Alert",
            "metadata": meta,
            "spec": {
                "providerRef": {"name": NAME},
                "eventSeverity": "info",
                "eventSources": [
                    {"kind": "GitRepository", "name": "*"},
                    {"kind": "Kustomization", "name": "*"},
                ],
            },
        },
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1",
            "kind": "Receiver",
            "metadata": meta,
            "spec": {
                "type": "generic-hmac",
                "secretRef": {"name": "receiver-token"},
                "resources": [
                    {"apiVersion": "source.toolkit.fluxcd.io/v1", **source},
                ],
            },
        },
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": meta,
            "spec": {"url": git_url, "interval": "1m", "ref": {"branch": "main"}},
        },
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": meta,
            "spec": {
                "interval": "1m",
                "path": "./",
                "prune": True,
                "wait": True,
                "sourceRef": source,
            },
        },
    )
