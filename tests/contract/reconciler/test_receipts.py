"""The port Receipts: what the service relies on, of the fake and of the real one."""

import pytest

from services.reconciler.adapters.receipts import BusReceipts
from shared.bus.streams import ALL
from tests.fakes.reconciler.ports import FakeReceipts


class Fake(FakeReceipts):
    async def cut(self):
        self.down = True


class Real(BusReceipts):
    def __init__(self, bus, nats):
        self.fenced = False
        super().__init__(bus, cluster="local", may_write=lambda: not self.fenced)
        self._nats = nats

    async def cut(self):
        await self._nats.server.kill()


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
async def real(connect_bus, nats_server):
    admin = await connect_bus()
    await admin.declare(*ALL)
    return Real(await connect_bus("reconciler"), nats_server)


@pytest.fixture(params=["fake", "real"])
def receipts(request):
    return request.getfixturevalue(request.param)


async def test_receipts_are_what_was_saved_last_for_each_name(receipts):
    assert await receipts.load("ns", "app") is None
    assert await receipts.save("ns", "app", b"1")
    assert await receipts.save("ns", "app", b"2")
    await receipts.save("ns", "app.with.dots", b"3")
    assert await receipts.load("ns", "app") == b"2"
    assert await receipts.load("ns", "app.with.dots") == b"3"


async def test_dropped_receipts_are_gone_and_may_be_dropped_twice(receipts):
    await receipts.save("ns", "app", b"1")
    await receipts.save("ns", "app", None)
    await receipts.save("ns", "app", None)
    assert await receipts.load("ns", "app") is None
    await receipts.save("ns", "app", b"2")
    assert await receipts.load("ns", "app") == b"2"


async def test_who_may_not_write_leaves_the_receipts_of_who_may(receipts):
    await receipts.save("ns", "app", b"1")
    receipts.fenced = True
    assert not await receipts.save("ns", "app", b"2")
    assert not await receipts.save("ns", "app", None)
    assert await receipts.load("ns", "app") == b"1"


async def test_receipts_fail_no_pass_while_the_bus_is_away(receipts):
    await receipts.cut()
    assert not await receipts.save("ns", "app", b"1")
    assert not await receipts.save("ns", "app", None)
    assert await receipts.load("ns", "app") is None
