"""Each event that is told is also a line of the log and a count."""

from datetime import UTC, datetime

import pytest
import structlog
from structlog.testing import LogCapture

from shared.errors import NOT_LEADER, WaitingError
from shared.messages import Event, InvolvedObject
from shared.program import BusReporter
from tests.fakes.clock import FakeClock


class Publisher:
    def __init__(self):
        self.accepted = []

    async def accept(self, subject, envelope):
        self.accepted.append(envelope)
        return True


class Recorder:
    def record(self, event):
        self.event = event


def drift(severity):
    return Event(
        involved_object=InvolvedObject(
            api_version="kustomize.toolkit.fluxcd.io/v1",
            kind="Kustomization",
            name="apps",
            namespace="flux-system",
            uid="1",
        ),
        severity=severity,
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        message="the Service was edited",
        reason="DriftDetected",
        metadata={"object": "Service/a/b", "manager": "kubectl-edit", "fields": "[]"},
        reporting_controller="kustomize-controller",
    )


async def test_an_event_is_logged_at_its_severity_and_counted(monkeypatch):
    counted, publisher, capture = [], Publisher(), LogCapture()
    every = structlog.make_filtering_bound_logger(0)
    logger = structlog.wrap_logger(None, processors=[capture], wrapper_class=every)
    monkeypatch.setattr("shared.program.reporter.log", logger)
    port = BusReporter(
        publisher, Recorder(), cluster="local", clock=FakeClock(), count=counted.append
    )
    await port.tell(drift("info"), occurrence="1")
    await port.tell(drift("error"), occurrence="2")
    lines = capture.entries
    assert lines[0] == {
        "event": "event",
        "log_level": "info",
        "reason": "DriftDetected",
        "message": "the Service was edited",
        "controllerKind": "Kustomization",
        "namespace": "flux-system",
        "name": "apps",
        "object": "Service/a/b",
        "manager": "kubectl-edit",
    }
    assert lines[1]["log_level"] == "error"
    assert counted == ["DriftDetected", "DriftDetected"]
    assert len(publisher.accepted) == 2


async def test_a_process_whose_lease_another_one_has_tells_nothing():
    publisher, recorder, elsewhere = Publisher(), Recorder(), [True]
    port = BusReporter(
        publisher, recorder, cluster="local", clock=FakeClock(), elsewhere=lambda: elsewhere[0]
    )
    with pytest.raises(WaitingError, match="does not hold its Lease") as caught:
        await port.tell(drift("info"), occurrence="1")
    assert caught.value.reason == NOT_LEADER
    assert publisher.accepted == []
    elsewhere[0] = False
    await port.tell(drift("info"), occurrence="1")
    assert len(publisher.accepted) == 1
