"""Drift as it is told to people and to programs."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cli.commands.drift import Subject, document
from cli.drifted import standing, told
from shared.messages import Event

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
GROUP = "kustomize.toolkit.fluxcd.io"
TARGET = "flux-system/apps: Deployment/production/shop"
FIELDS = [{"path": "spec.replicas", "from": "3", "to": "9"}]


def kustomization(action="report", **more):
    facts = {"id": "production_shop_apps_Deployment", "since": "2026-01-30T00:00:00Z"}
    drift = {**facts, "action": action, "by": "kubectl", "fields": FIELDS, **more}
    meta = {"name": "apps", "namespace": "flux-system"}
    return {"metadata": meta, "status": {"drift": [drift]}}


def event(reason="DriftDetected", **more):
    fields = json.dumps([{"path": "spec.replicas", "from": 3, "to": None}])
    facts = {"object": "Deployment/production/shop", "manager": "kubectl", "action": "revert"}
    facts |= {"fields": fields, "since": "2026-01-31T11:00:00Z"}
    return Event.model_validate(
        {
            "involvedObject": {
                "apiVersion": f"{GROUP}/v1",
                "kind": "Kustomization",
                "name": "apps",
                "namespace": "flux-system",
            },
            "severity": "info",
            "timestamp": NOW,
            "message": "drift",
            "reason": reason,
            "metadata": {f"{GROUP}/{name}": value for name, value in (facts | more).items()},
            "reportingController": "kustomize-controller",
        }
    )


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("report", "left standing: mode warn"),
        ("backoff", "in a fight: reverted at most once per interval"),
        ("paused", "paused"),
        ("something new", "something new"),
    ],
)
def test_standing_drift_is_told_in_words_with_object_fields_and_writer(action, words):
    (one,) = standing(kustomization(action))
    assert one.lines() == [
        f"{TARGET} since 2026-01-30T00:00:00Z ({words}; by kubectl)",
        "    spec.replicas: 3 → 9",
    ]


def test_a_pause_is_told_with_its_end_where_that_is_known():
    (one,) = standing(kustomization("paused"))
    head = replace(one, until="2026-02-01T00:00:00Z").lines()[0]
    assert "(paused until 2026-02-01T00:00:00Z; by kubectl)" in head


def test_a_terminal_need_not_obey_what_a_writer_calls_itself():
    (one,) = standing(kustomization(by="a\x1b[2Jb"))
    assert "\x1b" not in one.lines()[0]


def test_healed_drift_is_told_with_time_object_writer_and_fields():
    assert told(event()).lines() == [
        "2026-01-31T12:00:00Z flux-system/apps: Deployment/production/shop (reverted; by kubectl)",
        "    spec.replicas: 3 → (nothing)",
    ]
    assert "(revert failed; by" in told(event("DriftCorrectionFailed")).lines()[0]


def test_programs_are_told_of_present_and_past_in_one_form():
    found = document(standing(kustomization()), [told(event())])
    shape = ["object", "kustomization", "since", "action", "manager", "fields"]
    assert list(found["present"][0]) == shape
    assert found["past"] == [
        {
            "time": "2026-01-31T12:00:00Z",
            "reason": "DriftDetected",
            "object": "Deployment/production/shop",
            "kustomization": "flux-system/apps",
            "since": "2026-01-31T11:00:00Z",
            "action": "revert",
            "manager": "kubectl",
            "fields": [{"path": "spec.replicas", "from": "3", "to": ""}],
        }
    ]
    assert document([], None) == {"present": [], "past": None}


def test_other_events_and_other_objects_are_no_drift_of_this_one():
    assert told(event("ReconciliationSucceeded")) is None
    assert not Subject.read("deploy/other", "ns").takes(told(event()).object)
    assert Subject.read("deploy/shop", "ns").takes(told(event()).object)


@pytest.mark.parametrize("torn", ["{torn", "3", "[1]", '[{"from": 1}]'])
def test_fields_that_cannot_be_read_do_not_hide_the_drift(torn):
    assert told(event(fields=torn)).fields == ()


def test_a_name_alone_is_that_of_a_kustomization():
    assert Subject.read("apps", "team") == Subject(namespace="team", kustomization="apps")
    assert Subject.read("ks/apps", "team") == Subject.read("apps", "team")
