"""The port Reporter: what the service relies on, of the fake and of the real one."""

from datetime import UTC, datetime

import pytest

from shared.bus import Author, EventPublisher, Outbox
from shared.bus.streams import EVENTS
from shared.messages import Event, InvolvedObject
from shared.program import BusReporter
from shared.runtime import SystemClock
from tests.fakes.source.ports import FakeReporter

AUTHOR = Author(
    cluster="local", namespace="here", lease="setpoint-source", controller="source-controller"
)


class Recorder:
    def __init__(self):
        self.events = []

    def record(self, event):
        self.events.append(event)


class Real:
    def __init__(self, bus, admin, outbox):
        self._admin = admin
        self._recorder = Recorder()
        port = BusReporter(
            EventPublisher(bus, Outbox(outbox), AUTHOR),
            self._recorder,
            cluster="local",
            clock=SystemClock(),
        )
        self.tell, self.note = port.tell, port.note

    async def accepted(self):
        found = [item async for item in self._admin.read("EVENTS", "events.>")]
        return [(item.envelope.payload["reason"]) for item in found]

    def shown(self):
        return [event.reason for event in self._recorder.events]


class Fake(FakeReporter):
    async def accepted(self):
        found = {(event.reason, occurrence): event for event, occurrence in self.told}
        return [event.reason for event in found.values()]

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
    await admin.declare(EVENTS)
    return Real(await connect_bus("source"), admin, tmp_path / "outbox")


@pytest.fixture(params=["fake", "real"])
def reporter(request):
    return request.getfixturevalue(request.param)


def event(reason, severity="info"):
    about = InvolvedObject(
        api_version="source.toolkit.fluxcd.io/v1",
        kind="GitRepository",
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
        reporting_controller="source-controller",
    )


async def test_what_is_told_is_accepted_and_shown(reporter):
    await reporter.tell(event("NewArtifact"), occurrence="1")
    await reporter.tell(event("GitOperationFailed", "error"), occurrence="2")
    assert await reporter.accepted() == ["NewArtifact", "GitOperationFailed"]
    assert reporter.shown() == ["NewArtifact", "GitOperationFailed"]


async def test_a_retry_is_the_same_event_and_a_second_occurrence_another(reporter):
    await reporter.tell(event("NewArtifact"), occurrence="1")
    await reporter.tell(event("NewArtifact"), occurrence="1")
    await reporter.tell(event("NewArtifact"), occurrence="2")
    assert await reporter.accepted() == ["NewArtifact", "NewArtifact"]


async def test_a_note_is_only_shown(reporter):
    reporter.note(event("GitOperationSucceeded", "trace"))
    assert await reporter.accepted() == []
    assert reporter.shown() == ["GitOperationSucceeded"]
