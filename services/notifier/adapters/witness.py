"""
Counts of deliveries, and Kubernetes Events about those that were given up.
"""

from prometheus_client import CollectorRegistry, Counter

from shared.kube.events import EventRecorder
from shared.messages import Event


class MeteredRecorder:
    """
    Counts, and hands on to the recorder.
    """

    def __init__(self, registry: CollectorRegistry, recorder: EventRecorder) -> None:
        self._recorder = recorder
        self._deliveries = Counter(
            "setpoint_deliveries_total",
            "Attempts to deliver an event to a provider, by how they ended.",
            ["result"],
            registry=registry,
        )

    def ended(self, result: str) -> None:
        """
        Count an attempt.
        """
        self._deliveries.labels(result).inc()

    def record(self, event: Event) -> None:
        """
        Show an event to people who look with kubectl.
        """
        self._recorder.record(event)
