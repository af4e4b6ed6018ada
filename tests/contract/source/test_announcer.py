"""The port Announcer: what the service relies on, of the fake and of the real one."""

import pytest

from services.source.adapters.announcer import BusAnnouncer
from shared.bus.streams import DECLARED_BY
from shared.messages import RevisionAnnounced
from shared.runtime import SystemClock
from tests.fakes.source.ports import FakeAnnouncer


class Real:
    def __init__(self, bus):
        self._bus = bus
        self._port = BusAnnouncer(bus, cluster="local", clock=SystemClock())
        self.announce, self.withdraw = self._port.announce, self._port.withdraw
        self.announced = self._port.announced

    async def written(self):
        return (await self._bus.state("REVISIONS"))["last_seq"]


class Fake(FakeAnnouncer):
    async def written(self):
        return self.said


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
async def real(connect_bus):
    bus = await connect_bus("source")
    await bus.declare(*DECLARED_BY["source"])
    return Real(bus)


@pytest.fixture(params=["fake", "real"])
def announcer(request):
    return request.getfixturevalue(request.param)


def word(sequence=1, name="app.with.dots"):
    return RevisionAnnounced(
        kind="GitRepository",
        namespace="ns",
        name=name,
        uid="u",
        sequence=sequence,
        revision="main@sha1:" + "a" * 40,
        digest="sha256:" + "b" * 64,
    )


async def test_the_last_word_about_each_source_is_known(announcer):
    await announcer.announce(word(1))
    await announcer.announce(word(2))
    await announcer.announce(word(1, "other"))
    assert sorted(await announcer.announced()) == [("ns", "app.with.dots"), ("ns", "other")]
    assert await announcer.written() == 3


async def test_the_same_word_is_written_once(announcer):
    await announcer.announce(word())
    await announcer.announce(word())
    assert await announcer.written() == 1


async def test_a_word_that_was_taken_back_is_gone_and_can_be_said_again_at_once(announcer):
    await announcer.announce(word())
    await announcer.withdraw("ns", "app.with.dots")
    await announcer.withdraw("ns", "app.with.dots")
    assert await announcer.announced() == []
    await announcer.announce(word())
    assert await announcer.announced() == [("ns", "app.with.dots")]
