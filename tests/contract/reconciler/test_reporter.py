"""The port Reporter: what the service relies on, of the fake and of the real one."""

from datetime import UTC, datetime

import pytest

from shared.bus import Author, EventPublisher, Outbox
from shared.bus.streams import ALL
from shared.messages import Event, InvolvedObject
from shared.program import BusReporter
from shared.runtime import SystemClock
from tests.fakes.reconciler.ports import FakeReporter

AUTHOR = Author(
    cluster="local",
    namespace="here",
    lease="setpoint-reconciler",
    controller="kustomize-controller",
)


class Recorder:
    def __init__(self):
        self.events = []

    def record(self, event):
        self.events.append(event)


class Real(BusReporter):
    def __init__(self, bus, admin, outbox):
        self._admin, self._shown = admin, Recorder()
        super().__init__(
            EventPublisher(bus, Outbox(outbox), AUTHOR),
            self._shown,
            cluster="local",
            clock=SystemClock(),
        )

    async def accepted(self):
        found = [item async for item in self._admin.read("EVENTS", "events.>")]
        return [item.envelope.payload["reason"] for item in found]

    def shown(self):
        return [event.reason for event in self._shown.events]


class Fake(FakeReporter):
    async def accepted(self):
        return self.reasons()

    def shown(self):
        return [event.reason for event, _ in self.told] + [event.reason for event in self.noted]


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
async def real(connect_bus, tmp_path, monkeypatch):
    # Nobody empties the outbox here: an event that a busy disk is slow to take must not go there.
    monkeypatch.setattr("shared.bus.publisher.PUBLISH_TIMEOUT", 10.0)
    admin = await connect_bus()
    await admin.declare(*ALL)
    return Real(await connect_bus("reconciler"), admin, tmp_path / "outbox")


@pytest.fixture(params=["fake", "real"])
def reporter(request):
    return request.getfixturevalue(request.param)


def event(reason, severity="info"):
    about = InvolvedObject(
        api_version="kustomize.toolkit.fluxcd.io/v1",
        kind="Kustomization",
        name="app",
        namespace="ns",
        uid="u",
    )
    return Event(
        involved_object=about,
        severity=severity,
        timestamp=datetime.now(UTC),
        message="m",
        reason=reason,
        reporting_controller="kustomize-controller",
    )


async def test_what_is_told_is_accepted_and_shown_in_its_order(reporter):
    await reporter.tell(event("DriftDetected"), occurrence="1")
    await reporter.tell(event("BuildFailed", "error"), occurrence="2")
    assert await reporter.accepted() == ["DriftDetected", "BuildFailed"]
    assert reporter.shown() == ["DriftDetected", "BuildFailed"]


async def test_a_retry_is_the_same_event_and_a_second_occurrence_another(reporter):
    for occurrence in ("1", "1", "2"):
        await reporter.tell(event("DriftDetected"), occurrence=occurrence)
    assert await reporter.accepted() == ["DriftDetected", "DriftDetected"]


async def test_a_note_is_only_shown(reporter):
    reporter.note(event("DriftCorrected", "trace"))
    assert await reporter.accepted() == []
    assert reporter.shown() == ["DriftCorrected"]
