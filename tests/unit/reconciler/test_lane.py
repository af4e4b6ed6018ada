"""What a lane makes of what watches show, and when."""

import pytest

from services.reconciler.core.inventory import Inventory
from services.reconciler.core.receipt import Saved, receipt_from_response
from services.reconciler.lane import Lane
from services.reconciler.slots import Urgency
from tests.fakes.clock import FakeClock
from tests.unit.reconciler.made import key, obj

WEB = key("ConfigMap", "web", "shop")
OWNED = {
    "kustomize.toolkit.fluxcd.io/name": "app",
    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
}


@pytest.fixture
def lane():
    meta = {"name": "app", "namespace": "flux-system", "uid": "1", "resourceVersion": "1"}
    made = Lane({"metadata": meta}, clock=FakeClock())
    made.inventory = Inventory(entries={WEB: "v1"})
    return made


def live(version="7"):
    meta = {"uid": "u", "resourceVersion": version, "labels": OWNED}
    return obj("ConfigMap", "web", "shop", metadata=meta)


def test_what_is_seen_before_the_receipts_are_there_is_judged_by_them(lane):
    lane.notice(WEB, live(), listed=True)
    lane.remember(Saved(receipts={WEB: receipt_from_response("sha256:x", live())}))
    assert not lane.marks.drifted


@pytest.mark.parametrize(("seen", "certain"), [(None, True), (live("8"), False)])
def test_drift_that_is_seen_before_the_receipts_are_there_is_drift_afterwards(lane, seen, certain):
    lane.notice(WEB, seen, listed=True)
    assert not lane.marks.drifted
    lane.remember(Saved(receipts={WEB: receipt_from_response("sha256:x", live())}))
    assert lane.marks.drifted == {WEB: certain}


def test_without_receipts_everything_is_verified(lane):
    lane.notice(WEB, live(), listed=True)
    lane.remember(Saved())
    assert lane.marks.drifted == {WEB: False}


@pytest.mark.parametrize(
    ("settled", "certain", "urgency"),
    [
        (True, True, Urgency.NOW),
        (True, False, Urgency.ROUTINE),
        (False, True, Urgency.ROUTINE),
    ],
)
def test_what_has_drifted_for_certain_goes_before_other_work(lane, settled, certain, urgency):
    lane.settled = settled
    lane.marks.mark(WEB, certain=certain)
    assert lane.pressing is urgency
