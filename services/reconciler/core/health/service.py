"""Service: has an address in the cluster; the balancer's own address is not waited for."""

from collections.abc import Mapping
from typing import Any

from services.reconciler.core.health.base import Health, current, in_progress, part


def service(obj: Mapping[str, Any]) -> Health:
    """
    Judge a Service.
    """
    spec = part(obj, "spec")
    if spec.get("type") == "LoadBalancer" and not spec.get("clusterIP"):
        return in_progress("ClusterIP not set. Service type: LoadBalancer")
    return current("Service is ready")
