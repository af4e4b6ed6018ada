import json
from datetime import UTC, datetime

import pytest

from services.reconciler.core.drift import DriftKind
from services.reconciler.core.events import (
    HEALING,
    REPORTED,
    correction_failed,
    drift_event,
    drift_occurrence,
    event,
    fight_event,
    note,
)
from services.reconciler.core.explain import DriftReport, FieldChange
from services.reconciler.core.receipt import Receipt
from services.reconciler.core.standing import DriftAction
from shared.model import ObjectKey

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
GROUP = "kustomize.toolkit.fluxcd.io"
DECLARED = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "Kustomization",
    "metadata": {"name": "app", "namespace": "ns", "uid": "u-1", "resourceVersion": "7"},
}
DEPLOYMENT = ObjectKey(group="apps", kind="Deployment", namespace="shop", name="web")
REPLICAS = FieldChange(path="spec.replicas", old=2, new=5)


def report(kind=DriftKind.CHANGED, *, manager="kubectl-scale", since="2026-01-01T11:59:00Z"):
    return DriftReport(key=DEPLOYMENT, kind=kind, fields=(REPLICAS,), manager=manager, since=since)


def receipt(version):
    return Receipt(uid="u", desired_digest="d", token="t", generation=1, resource_version=version)


def test_an_event_is_about_the_kustomization_and_comes_from_its_controller():
    found = event(DECLARED, severity="info", reason="R", message="m", now=NOW)
    about = found.involved_object
    assert (about.kind, about.namespace, about.name) == ("Kustomization", "ns", "app")
    assert (about.uid, about.resource_version) == ("u-1", "7")
    assert about.api_version == f"{GROUP}/v1"
    assert found.reporting_controller == "kustomize-controller"
    assert found.timestamp == NOW


def test_a_declaration_out_of_a_list_lacks_its_version_and_the_event_has_it():
    bare = {"metadata": DECLARED["metadata"]}
    found = event(bare, severity="info", reason="R", message="m", now=NOW)
    assert found.involved_object.api_version == f"{GROUP}/v1"


def test_facts_get_the_prefix_of_the_group_and_empty_ones_are_left_out():
    found = event(
        DECLARED,
        severity="info",
        reason="R",
        message="m",
        now=NOW,
        metadata={"revision": "main@sha1:1", "originRevision": ""},
    )
    assert found.metadata == {f"{GROUP}/revision": "main@sha1:1"}


def test_a_note_is_for_the_cluster_only():
    assert note(DECLARED, "DriftCorrected", "m", now=NOW).severity == "trace"


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (DriftAction.REVERT, HEALING),
        (DriftAction.REPORT, REPORTED),
        (DriftAction.PAUSED, "paused until noon"),
    ],
)
def test_drift_is_told_with_object_field_writer_and_what_is_done(action, words):
    found = drift_event(DECLARED, report(), action, words, now=NOW)
    assert (found.reason, found.severity) == ("DriftDetected", "info")
    assert found.message == (
        f"Deployment/shop/web: spec.replicas changed by kubectl-scale; {words}"
    )
    assert found.metadata[f"{GROUP}/action"] == str(action)


def test_the_facts_of_drift_are_texts_and_the_fields_json():
    found = drift_event(DECLARED, report(), DriftAction.REVERT, HEALING, now=NOW).metadata
    assert all(isinstance(value, str) for value in found.values())
    assert json.loads(found[f"{GROUP}/fields"]) == [{"path": "spec.replicas", "from": 2, "to": 5}]
    assert found[f"{GROUP}/object"] == "Deployment/shop/web"
    assert found[f"{GROUP}/manager"] == "kubectl-scale"
    assert found[f"{GROUP}/since"] == "2026-01-01T11:59:00Z"


def test_a_writer_without_a_trace_is_called_so_and_the_time_is_when_we_saw_it():
    found = drift_event(
        DECLARED, report(manager="", since=""), DriftAction.REVERT, HEALING, now=NOW
    ).metadata
    assert "no trace" in found[f"{GROUP}/manager"]
    assert found[f"{GROUP}/since"] == "2026-01-01T12:00:00.000+00:00"


def test_a_fight_is_an_error_that_says_the_revert_is_held_back():
    found = fight_event(DECLARED, report(), "setpoint and x write in turn", now=NOW)
    assert (found.reason, found.severity) == ("DriftFight", "error")
    assert found.message == "setpoint and x write in turn"
    assert found.metadata[f"{GROUP}/action"] == "backoff"


def test_a_refused_revert_is_an_error_with_the_servers_words():
    found = correction_failed(DECLARED, report(), "a policy says no", now=NOW)
    assert (found.reason, found.severity) == ("DriftCorrectionFailed", "error")
    assert found.message.endswith("; the API server refuses to heal it: a policy says no")


def test_an_occurrence_is_the_object_in_the_version_in_which_it_was_seen():
    first = drift_occurrence(report(), "41", receipt("40"))
    assert first == drift_occurrence(report(), "41", None)
    assert first != drift_occurrence(report(), "42", receipt("40"))
    assert "shop_web_apps_Deployment" in first


def test_a_deletion_has_no_version_and_is_told_apart_by_the_apply_before_it():
    gone = report(DriftKind.GONE)
    first = drift_occurrence(gone, "", receipt("40"))
    assert first == drift_occurrence(gone, "", receipt("40"))
    assert first != drift_occurrence(gone, "", receipt("45"))
    assert drift_occurrence(gone, "", None)
