"""Objects for the notifier's unit tests."""

from datetime import UTC, datetime

from shared.api import Alert, Provider, Receiver
from shared.messages import DeliveryOrder, Event, InvolvedObject

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
GROUP = "kustomize.toolkit.fluxcd.io"


def event(**change):
    involved = {
        "api_version": f"{GROUP}/v1",
        "kind": "Kustomization",
        "name": "podinfo",
        "namespace": "apps",
        "uid": "0f1e",
        "resource_version": "42",
    } | change.pop("involved", {})
    values = {
        "involved_object": InvolvedObject(**involved),
        "severity": "info",
        "timestamp": NOW,
        "message": "Reconciliation finished",
        "reason": "ReconciliationSucceeded",
        "reporting_controller": "kustomize-controller",
        "reporting_instance": "kustomize-controller-0",
    }
    return Event(**values | change)


def alert(name="alert", namespace="apps", **spec):
    sources = [{"kind": "Kustomization", "name": "*"}]
    return Alert.read(
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
            "kind": "Alert",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"providerRef": {"name": "hook"}, "eventSources": sources} | spec,
        }
    )


def provider(name="hook", namespace="apps", uid="p-1", **spec):
    return Provider.read(
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
            "kind": "Provider",
            "metadata": {"name": name, "namespace": namespace, "uid": uid},
            "spec": {"type": "generic", "address": "https://example.com/hook"} | spec,
        }
    )


def receiver(name="push", namespace="apps", **spec):
    defaults = {
        "type": "generic-hmac",
        "secretRef": {"name": "token"},
        "resources": [{"kind": "GitRepository", "name": "app"}],
    }
    return Receiver.read(
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1",
            "kind": "Receiver",
            "metadata": {"name": name, "namespace": namespace, "uid": "r-1"},
            "spec": defaults | spec,
        }
    )


def order(sent=None, *, id_="e-1", to="hook", uid="p-1", accepted=NOW):
    return DeliveryOrder(
        event=sent or event(),
        event_id=id_,
        alert_namespace="apps",
        alert_name="alert",
        provider_namespace="apps",
        provider_name=to,
        provider_uid=uid,
        accepted=accepted,
    )
