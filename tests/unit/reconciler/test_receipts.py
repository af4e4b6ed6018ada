"""When receipts are saved: each time that costs a write to the bus."""

import pytest

from services.reconciler.core.masking import SecretValues
from services.reconciler.core.receipt import Saved, receipt_from_response
from services.reconciler.lane import Lane
from services.reconciler.report import Report
from tests.fakes.clock import FakeClock
from tests.fakes.reconciler.api import FakeApi
from tests.fakes.reconciler.ports import FakeDeclarations, FakeReceipts, FakeReporter
from tests.unit.reconciler.made import key, obj

WEB = key("ConfigMap", "web", "shop")


class Counted(FakeReceipts):
    def __init__(self):
        super().__init__()
        self.asked = 0

    async def save(self, namespace, name, data):
        self.asked += 1
        return await super().save(namespace, name, data)


@pytest.fixture
def receipts():
    return Counted()


@pytest.fixture
def lane():
    meta = {"name": "app", "namespace": "flux-system", "uid": "1", "resourceVersion": "1"}
    lane = Lane({"metadata": meta}, clock=FakeClock())
    lane.remember(Saved())
    lane.memory.receipts[WEB] = receipt("7")
    return lane


@pytest.fixture
def report(receipts):
    return Report(
        FakeDeclarations(FakeApi()),
        FakeReporter(),
        receipts,
        secrets=SecretValues(b"k"),
        clock=FakeClock(),
    )


def receipt(version):
    return receipt_from_response(
        "sha256:x", obj("ConfigMap", "web", metadata={"uid": "u", "resourceVersion": version})
    )


async def test_receipts_are_saved_once_and_again_when_they_change(report, lane, receipts):
    await report.save(lane)
    await report.save(lane)
    assert receipts.asked == 1
    before = receipts.saved["flux-system", "app"]
    lane.memory.receipts[WEB] = receipt("8")
    await report.save(lane)
    assert receipts.saved["flux-system", "app"] != before


async def test_what_was_not_saved_is_saved_the_next_time(report, lane, receipts):
    receipts.down = True
    await report.save(lane)
    receipts.down = False
    await report.save(lane)
    assert receipts.saved


async def test_after_a_loss_of_the_bus_they_are_saved_though_nothing_changed(
    report, lane, receipts
):
    await report.save(lane)
    receipts.saved.clear()
    await report.save(lane, anew=True)
    assert receipts.saved
