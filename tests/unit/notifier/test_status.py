"""The statuses of Alert, Provider and Receiver."""

from services.notifier.core.reset import reset_event, trouble_of
from services.notifier.core.status import changes, failed, succeeded
from shared.errors import StalledError, WaitingError
from shared.model import Conditions
from tests.unit.notifier.objects import NOW

THEN, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def statuses(conditions):
    return {item.type: (item.status, item.reason) for item in conditions}


def test_what_only_a_change_mends_is_stalled():
    error = StalledError("spec.type x is not supported yet", reason="NotSupported")
    found = failed(Conditions(), error, generation=1, now=THEN)
    assert statuses(found) == {
        "Stalled": ("True", "NotSupported"),
        "Ready": ("False", "NotSupported"),
    }


def test_what_may_come_by_itself_is_not_stalled():
    stalled = failed(Conditions(), StalledError("x"), generation=1, now=THEN)
    found = failed(stalled, WaitingError("y", reason="TokenNotFound"), generation=1, now=LATER)
    assert statuses(found) == {"Ready": ("False", "TokenNotFound")}


def test_success_removes_what_was_wrong():
    stalled = failed(Conditions(), StalledError("x"), generation=1, now=THEN)
    assert statuses(succeeded(stalled, "fine", generation=2, now=LATER)) == {
        "Ready": ("True", "Succeeded")
    }


def test_nothing_is_written_where_nothing_changed():
    old = succeeded(Conditions(), "fine", generation=1, now=THEN).to_json()
    new = succeeded(Conditions.from_json(old), "fine", generation=1, now=LATER).to_json()
    assert changes({"conditions": old}, {"conditions": new, "webhookPath": None}) == {}


def test_a_field_that_is_to_go_is_written_as_null_once():
    assert changes({"webhookPath": "/hook/1"}, {"webhookPath": None}) == {"webhookPath": None}


def test_after_a_wipe_the_lease_stands_for_the_notifier():
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "setpoint-notifier", "namespace": "flux-system", "uid": "l-1"},
    }
    event = reset_event(lease, NOW)
    assert (event.reason, event.severity) == ("BusReset", "info")
    assert (event.involved_object.kind, event.involved_object.uid) == ("Lease", "l-1")


def object_with(status, **spec):
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "app", "namespace": "apps", "uid": "g-1"},
        "spec": spec,
        "status": {
            "artifact": {"revision": "main@sha1:1"},
            "conditions": [
                {"type": "Ready", "status": status, "reason": "GitOperationFailed", "message": "m"}
            ],
        },
    }


def test_after_a_wipe_what_is_not_ready_is_told_with_its_own_reason():
    event = trouble_of(object_with("False"), "source-controller", NOW)
    assert (event.reason, event.severity, event.message) == ("GitOperationFailed", "error", "m")
    assert event.metadata == {"revision": "main@sha1:1"}
    assert event.reporting_controller == "source-controller"


def test_after_a_wipe_nothing_is_told_of_what_is_ready_unknown_or_suspended():
    assert trouble_of(object_with("True"), "c", NOW) is None
    assert trouble_of(object_with("Unknown"), "c", NOW) is None
    assert trouble_of(object_with("False", suspend=True), "c", NOW) is None
    assert trouble_of({"metadata": {"name": "x"}}, "c", NOW) is None
