"""
Metrics: the ``gotk_*`` names of the reference and the process's own.

No object's name is a label except in ``gotk_*``, so the number of series stays bounded.
"""

from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

# The reference's ten exponential buckets from 10 ms to 30 minutes.
_BUCKETS = tuple(0.01 * (1800 / 0.01) ** (step / 9) for step in range(10))


class Metrics:
    """
    The registry of one process, and the metrics that all services have.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.reconcile_duration = Histogram(
            "gotk_reconcile_duration_seconds",
            "How long a pass of one object took.",
            ["kind", "name", "namespace"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.loop_lag = Gauge(
            "setpoint_event_loop_lag_seconds",
            "The longest time of the last 10 s for which the event loop was blocked.",
            registry=self.registry,
        )

        self.events = Counter(
            "setpoint_events_total",
            "Events told, by reason; what was told is in the stream or in the outbox.",
            ["reason"],
            registry=self.registry,
        )

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """
        Show a state of the process, read whenever somebody asks.
        """
        Gauge(name, text, registry=self.registry).set_function(read)

    def count(self, name: str, text: str, read: Callable[[], float]) -> None:
        """
        Show a number that only grows and is kept elsewhere; ``name`` ends with ``_total``.
        """
        self.registry.register(_Counted(name, text, read))

    def forget(self, *, kind: str, namespace: str, name: str) -> None:
        """
        Drop the series of an object that is gone.
        """
        try:
            self.reconcile_duration.remove(kind, name, namespace)
        except KeyError:
            return


class _Counted(Collector):
    def __init__(self, name: str, text: str, read: Callable[[], float]) -> None:
        self._name, self._text, self._read = name, text, read

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._text, value=self._read())
