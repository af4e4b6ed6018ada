"""What happens, in plain words."""

import json
from datetime import UTC, datetime

from cli.up.narrate import SHOWN, WIDTH, Tone, of_delivery, of_event, of_healed, readable
from shared.messages import Event, InvolvedObject

COMMIT = "1eabc9a41ca088515cab83f1cce49eb43e84b67f"
GROUP = "kustomize.toolkit.fluxcd.io"


def event(reason, message, *, kind="Kustomization", severity="info", **metadata):
    return Event(
        involved_object=InvolvedObject(
            api_version=f"{GROUP}/v1", kind=kind, name="apps", namespace="flux-system"
        ),
        severity=severity,
        timestamp=datetime(2026, 1, 2, tzinfo=UTC),
        message=message,
        reason=reason,
        metadata={f"{GROUP}/{key}": value for key, value in metadata.items()},
        reporting_controller="kustomize-controller",
    )


def drift(*fields, **metadata):
    metadata = {"object": "Deployment/shop/web", "manager": "kubectl"} | metadata
    return event(
        "DriftDetected", "it differs; healing it", fields=json.dumps(list(fields)), **metadata
    )


def lines(found):
    return [fact.text for fact in of_event(found)]


def test_a_fetched_revision_is_told_with_its_subject_and_a_short_commit():
    found = event(
        "NewArtifact",
        "stored artifact for commit 'Four shops'",
        kind="GitRepository",
        revision=f"main@sha1:{COMMIT}",
    )
    (fact,) = of_event(found)
    assert fact.who == "source"
    assert fact.tone is Tone.GOOD
    assert fact.text == "GitRepository/apps: fetched main@sha1:1eabc9a (Four shops)"


def test_each_changed_object_has_a_line_and_many_are_counted():
    few = event("Progressing", "Service/a/b created\nDeployment/a/b configured")
    assert lines(few) == [
        "Kustomization/apps: Service/a/b created",
        "Kustomization/apps: Deployment/a/b configured",
    ]
    names = "\n".join(f"ConfigMap/a/{number} deleted" for number in range(SHOWN + 3))
    assert lines(event("Progressing", names))[-1] == "Kustomization/apps: and 3 more"


def test_drift_names_object_field_values_and_who():
    found = drift({"path": "spec.replicas", "from": "3", "to": "9"})
    assert lines(found) == [
        "Kustomization/apps: drift: Deployment/shop/web spec.replicas 3 → 9 by kubectl"
    ]


def test_a_removed_field_and_a_client_without_a_trace_are_said_so():
    found = drift({"path": "data.a", "from": "x", "to": None}, manager="")
    (line,) = lines(found)
    assert line.endswith("Deployment/shop/web data.a x → (none), by a client that left no trace")


def test_drift_without_fields_says_the_message():
    assert lines(drift()) == ["Kustomization/apps: drift: it differs; healing it"]


def test_a_fight_is_bad_and_says_its_message():
    found = event("DriftFight", "a and b write", severity="error", object="X/y/z", fields="oops")
    (fact,) = of_event(found)
    assert (fact.tone, fact.text) == (Tone.BAD, "Kustomization/apps: fight: X/y/z: a and b write")


def test_an_error_says_its_reason():
    (fact,) = of_event(event("BuildFailed", "no such file", severity="error"))
    assert (fact.tone, fact.text) == (Tone.BAD, "Kustomization/apps: BuildFailed: no such file")


def test_healing_and_deliveries_are_told():
    healed = of_healed({"involvedObject": {"kind": "K", "name": "n"}, "message": "X; healed"})
    assert healed.text == "K/n: healed: X; healed"
    body = {"reason": "NewArtifact", "involvedObject": {"kind": "G", "name": "n"}}
    assert of_delivery({"path": "/a", "body": body}).text == "delivered to /a: NewArtifact of G/n"
    assert "a message" in of_delivery({"path": "/a", "body": "text"}).text


def test_foreign_text_cannot_command_a_terminal_and_stays_on_one_line():
    assert readable("a\x1b[2Jb\r\nc\u009b1m") == "a [2Jb c 1m"
    assert len(readable("x" * 1000)) == WIDTH
