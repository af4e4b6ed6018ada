"""
What is declared before the workload: the source, who hears of what happens, and who may poke.
"""

from collections.abc import Mapping
from typing import Any

NAMESPACE = "flux-system"
SOURCE = "faults"
RECEIVER = "faults"
# The sinks: one takes the plain events, one the signed ones.
PLAIN, SIGNED = "plain", "signed"

Json = dict[str, Any]


def namespace(name: str = NAMESPACE) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def secret(name: str, **entries: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "stringData": entries,
    }


def source(url: str, interval: str) -> Json:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": SOURCE, "namespace": NAMESPACE},
        "spec": {"url": url, "interval": interval, "ref": {"branch": "main"}},
    }


def notifications(urls: Mapping[str, str], tokens: Mapping[str, str]) -> list[Json]:
    """
    Return Providers, Alerts and the Receiver; ``tokens`` are those of ``signed`` and ``receiver``.
    """
    found = [
        secret("signed-token", token=tokens["signed"]),
        secret("receiver-token", token=tokens["receiver"]),
        _receiver(),
    ]
    for name, kind in ((PLAIN, "generic"), (SIGNED, "generic-hmac")):
        spec: Json = {"type": kind, "address": urls[name]}
        if name == SIGNED:
            spec["secretRef"] = {"name": "signed-token"}
        found += [_notification("Provider", name, spec), _alert(name)]
    return found


def _alert(name: str) -> Json:
    sources = [{"kind": kind, "name": "*"} for kind in ("GitRepository", "Kustomization")]
    spec = {"providerRef": {"name": name}, "eventSeverity": "info", "eventSources": sources}
    return _notification("Alert", name, spec)


def _notification(kind: str, name: str, spec: Json) -> Json:
    return {
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def _receiver() -> Json:
    what = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "name": SOURCE,
    }
    return {
        "apiVersion": "notification.toolkit.fluxcd.io/v1",
        "kind": "Receiver",
        "metadata": {"name": RECEIVER, "namespace": NAMESPACE},
        "spec": {
            "type": "generic-hmac",
            "secretRef": {"name": "receiver-token"},
            "resources": [what],
        },
    }
