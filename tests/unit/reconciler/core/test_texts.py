from datetime import timedelta

import pytest

from services.reconciler.core import messages
from services.reconciler.core.health import Health, Status
from services.reconciler.core.history import LIMIT, Snapshot, record
from services.reconciler.core.manifest import Refusal
from services.reconciler.core.plan import Action
from tests.unit.reconciler.made import key

REV = "main@sha1:abc"


def refusals(count):
    return [Refusal(key=key("ConfigMap", f"c{n}", "n"), message="is broken") for n in range(count)]


def test_refused_objects_are_counted_and_the_first_are_named():
    assert messages.refused(refusals(2), 40) == (
        "2 of 40 objects refused: ConfigMap/n/c0: is broken; ConfigMap/n/c1: is broken"
    )
    text = messages.refused(refusals(7), 7)
    assert "c4" in text
    assert "c5" not in text
    assert text.endswith("; and 2 more")
    assert messages.refused(refusals(1), 1).startswith("1 of 1 object refused: ")


def test_deletions_that_failed_are_named():
    assert messages.prune_failed(refusals(1)) == (
        "delete failed, errors: ConfigMap/n/c0: is broken;"
    )
    assert messages.prune_failed(refusals(6)).endswith(" and 1 more;")


def test_drift_stands_once_at_the_end_of_a_message():
    text = messages.with_drift("Applied revision: x", 1)
    assert text == "Applied revision: x; drifted: 1 object"
    assert messages.with_drift(text, 3) == "Applied revision: x; drifted: 3 objects"
    assert messages.with_drift(text, 0) == "Applied revision: x"


def test_a_pass_says_what_it_is_at():
    minute = timedelta(minutes=1)
    tail = f"for revision {REV} with a timeout of 1m0s"
    assert messages.fetching(REV, minute) == f"Fetching manifests {tail}"
    assert messages.building(REV, minute) == f"Building manifests {tail}"
    assert messages.checking_health(REV, minute) == f"Running health checks {tail}"


def test_the_end_of_a_pass_says_how_long_and_when_next():
    text = messages.finished(1.23456, timedelta(seconds=599.7))
    assert text == "Reconciliation finished in 1.235s, next run in 10m0s"


WEB, JOB = key("Deployment", "web", "n", "apps"), key("Job", "j", "n", "batch")


def test_health_that_failed_early_names_what_failed():
    healths = {WEB: Health(Status.IN_PROGRESS), JOB: Health(Status.FAILED)}
    assert messages.unhealthy(healths, seconds=2, early=True) == (
        "health check failed after 2s: failed early due to stalled resources:"
        " [Job/n/j status: 'Failed']"
    )


def test_health_that_ran_out_of_time_names_what_it_waited_for():
    healths = {WEB: Health(Status.IN_PROGRESS), JOB: Health(Status.CURRENT)}
    assert messages.unhealthy_tail(healths, early=False) == (
        "timeout waiting for: [Deployment/n/web status: 'InProgress']"
    )


def test_health_names_an_object_that_nobody_saw():
    text = messages.unhealthy_tail({WEB: Health(Status.NOT_FOUND)}, early=False)
    assert text.startswith("can't determine status for Deployment/n/web; timeout waiting for: [")


def test_many_unhealthy_objects_are_counted():
    healths = {key("Pod", f"p{n}", "n"): Health(Status.IN_PROGRESS) for n in range(8)}
    assert ", and 3 more]" in messages.unhealthy_tail(healths, early=False)


def test_the_change_log_has_what_changed():
    log = messages.changes(
        [(WEB, Action.CREATED), (JOB, Action.UNCHANGED), (key("Pod", "p"), Action.DELETED)]
    )
    assert log == "Deployment/n/web created\nPod/p deleted"


def snapshot(digest="d1", result="ReconciliationSucceeded", now="t1", **more):
    return Snapshot(digest=digest, result=result, now=now, seconds=1.5, **more)


def test_the_same_digest_and_result_are_one_entry():
    first = record(None, snapshot(metadata={"revision": REV, "originRevision": ""}))
    assert first == [
        {
            "digest": "d1",
            "firstReconciled": "t1",
            "lastReconciled": "t1",
            "lastReconciledDuration": "1.5s",
            "lastReconciledStatus": "ReconciliationSucceeded",
            "totalReconciliations": 1,
            "metadata": {"revision": REV},
        }
    ]
    [again] = record(first, snapshot(now="t2"))
    assert (again["firstReconciled"], again["lastReconciled"]) == ("t1", "t2")
    assert again["totalReconciliations"] == 2


def test_another_result_is_another_entry_in_front():
    history = record(record(None, snapshot()), snapshot(result="PruneFailed"))
    assert [one["lastReconciledStatus"] for one in history] == [
        "PruneFailed",
        "ReconciliationSucceeded",
    ]
    back = record(history, snapshot())
    assert [one["totalReconciliations"] for one in back] == [2, 1]


def test_the_history_is_bounded():
    history = None
    for n in range(9):
        history = record(history, snapshot(digest=f"d{n}"))
    assert [one["digest"] for one in history] == ["d8", "d7", "d6", "d5", "d4"]
    assert len(history) == LIMIT


@pytest.mark.parametrize("broken", [[{}], [{"digest": "d1"}], ["x"]])
def test_entries_that_others_wrote_do_not_stop_it(broken):
    assert record(broken, snapshot())[0]["totalReconciliations"] == 1
