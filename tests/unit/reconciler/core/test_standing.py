from datetime import UTC, datetime

import pytest

from services.reconciler.core import conditions
from services.reconciler.core.conditions import At
from services.reconciler.core.standing import (
    DriftAction,
    Standing,
    drifted,
    event_metadata,
    fight_message,
    fights_of,
)
from tests.unit.reconciler.recorded import recorded

AT = At(generation=1, now="2026-01-01T00:00:00Z")
READY = conditions.succeeded({}, AT, revision="r")


def standing(edit="scale", action=DriftAction.REPORT):
    return Standing(report=recorded(edit).explain(), action=action, since="2026-01-01T00:00:00Z")


def condition(status, type_):
    return next((one for one in status["conditions"] if one["type"] == type_), None)


def test_standing_drift_is_said_by_a_condition_and_ready_stays_true():
    status = drifted(READY, AT, [standing()])
    assert condition(status, "Drifted")["reason"] == "DriftDetected"
    assert "spec.replicas" in condition(status, "Drifted")["message"]
    ready = condition(status, "Ready")
    assert (ready["status"], ready["message"]) == (
        "True",
        "Applied revision: r; drifted: 1 object",
    )


def test_the_status_lists_object_fields_writer_and_action():
    [row] = drifted(READY, AT, [standing()])["drift"]
    assert row == {
        "id": "core-record_app_apps_Deployment",
        "since": "2026-01-01T00:00:00Z",
        "action": "report",
        "by": "kubectl",
        "fields": [{"path": "spec.replicas", "from": "2", "to": "5"}],
    }


def test_values_of_secrets_are_masked_in_the_status():
    [row] = drifted(READY, AT, [standing("secret-edited")])["drift"]
    assert row["fields"] == [{"path": "data.password", "from": "***", "to": "***"}]


def test_drift_that_ended_leaves_no_word():
    status = drifted(drifted(READY, AT, [standing()]), AT, [])
    assert status == READY


@pytest.mark.parametrize(
    ("actions", "reason"),
    [
        ([DriftAction.REPORT, DriftAction.PAUSED], "Paused"),
        ([DriftAction.PAUSED, DriftAction.BACKOFF], "DriftFight"),
        ([DriftAction.REPORT], "DriftDetected"),
    ],
)
def test_the_reason_is_what_needs_people_most(actions, reason):
    status = drifted(READY, AT, [standing(action=one) for one in actions])
    assert condition(status, "Drifted")["reason"] == reason


def test_the_list_is_bounded_and_the_message_counts_all():
    status = drifted(READY, AT, [standing()] * 30)
    assert len(status["drift"]) == 20
    assert condition(status, "Drifted")["message"].endswith("; and 25 more")
    assert condition(status, "Ready")["message"].endswith("; drifted: 30 objects")


def test_a_failed_ready_keeps_its_message():
    failed = conditions.failed({}, AT, "BuildFailed", "why")
    assert condition(drifted(failed, AT, [standing()]), "Ready")["message"] == "why"


def test_a_fight_names_both_sides_the_fields_and_the_remedy():
    text = fight_message(recorded("scale").explain(), "setpoint", "10m0s")
    for part in ("setpoint", "kubectl", "spec.replicas", "10m0s", "spec.ignore"):
        assert part in text


def test_a_fight_over_a_deleted_object_says_so():
    text = fight_message(recorded("deleted").explain(), "setpoint", "10m0s")
    for part in ("was deleted again and again", "setpoint", "10m0s", "drop it from Git"):
        assert part in text


@pytest.mark.parametrize("edit", ["scale", "label-removed"])
def test_a_fight_is_found_again_in_the_status(edit):
    one = standing(edit, action=DriftAction.BACKOFF)
    status = drifted(READY, AT, [one, standing("set-image")])
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    [(key, fight)] = fights_of(status, now=now).items()
    assert key == one.report.key
    assert (fight.on, fight.manager) == (True, one.report.manager)
    assert (fight.last_write, fight.reverts[-1].at) == (now, now)


@pytest.mark.parametrize(
    "row", [{}, {"action": "backoff"}, {"action": "backoff", "id": "x", "since": "y"}]
)
def test_a_row_of_the_status_that_cannot_be_read_is_no_fight(row):
    assert fights_of({"drift": [row]}, now=datetime(2026, 1, 1, tzinfo=UTC)) == {}


def test_an_event_has_the_facts_of_the_drift():
    facts = event_metadata(recorded("set-image").explain(), DriftAction.REVERT, "now")
    assert facts["object"] == "Deployment/core-record/app"
    assert (facts["manager"], facts["action"]) == ("kubectl-set", "revert")
    assert facts["fields"] == [
        {
            "path": "spec.template.spec.containers[name=c1].image",
            "from": "example.org/app:1",
            "to": "example.org/app:evil",
        }
    ]
