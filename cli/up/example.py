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

_META = {"name": NAME, "namespace": NAMESPACE}
_SOURCE = {"kind": "GitRepository", "name": NAME}


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
    return (*_notifications(webhook_url, token), *_followed(git_url))


def _notifications(webhook_url: str, token: str) -> Sequence[Json]:
    """
    Return what tells of all that happens, and what makes the source look at a push.
    """
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
            "metadata": _META,
            "spec": {"type": "generic", "address": webhook_url},
        },
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
            "kind": "Alert",
            "metadata": _META,
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
            "metadata": _META,
            "spec": {
                "type": "generic-hmac",
                "secretRef": {"name": "receiver-token"},
                "resources": [
                    {"apiVersion": "source.toolkit.fluxcd.io/v1", **_SOURCE},
                ],
            },
        },
    )


def _followed(git_url: str) -> Sequence[Json]:
    """
    Return the source and what is applied from it.
    """
    return (
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": _META,
            "spec": {"url": git_url, "interval": "1m", "ref": {"branch": "main"}},
        },
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": _META,
            "spec": {
                "interval": "1m",
                "path": "./",
                "prune": True,
                "wait": True,
                "sourceRef": _SOURCE,
            },
        },
    )
