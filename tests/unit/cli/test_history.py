from datetime import UTC, datetime, timedelta

import pytest

from cli.commands.deadletters import again, letter_of, readable
from cli.commands.events import Wanted, from_kubernetes, row
from cli.commands.pause import served_as
from shared.bus import Received
from shared.errors import MalformedError, WaitingError
from shared.kube import Resource
from shared.messages import DeadLetter, Envelope, Event, decode, encode

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
GROUP = "kustomize.toolkit.fluxcd.io"


def happened(reason="DriftDetected", **metadata):
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
            "message": "one\ntwo",
            "reason": reason,
            "metadata": {f"{GROUP}/{name}": value for name, value in metadata.items()},
            "reportingController": "kustomize-controller",
        }
    )


def test_an_event_is_one_line_of_cells():
    assert row(happened()) == (
        "2026-01-31T12:00:00Z",
        "info",
        "DriftDetected",
        "Kustomization/flux-system/apps",
        "one two",
    )


def test_the_stream_is_asked_for_no_more_than_was_wanted():
    since = NOW - timedelta(hours=1)
    assert Wanted(since=since).subject == "events.*.*.*.*.>"
    assert Wanted(cluster="east", since=since).subject == "events.east.*.*.*.>"
    wanted = Wanted(kind="Kustomization", namespace="flux-system", name="a.b", since=since)
    assert wanted.subject == "events.*.*.Kustomization.flux-system.a.b"
    assert not wanted.takes(happened())
    assert Wanted(since=since).takes(happened())
    assert not Wanted(since=NOW + timedelta(seconds=1)).takes(happened())


def test_a_kubernetes_event_is_read_by_its_last_time():
    event = from_kubernetes(
        {
            "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
            "involvedObject": {"apiVersion": f"{GROUP}/v1", "kind": "Kustomization", "name": "x"},
            "type": "Warning",
            "reason": "Bad",
            "lastTimestamp": "2026-01-02T00:00:00Z",
        }
    )
    assert (event.severity, event.timestamp.day, event.reason) == ("error", 2, "Bad")


def letter(payload, subject="deliveries.local.flux-system.hook", **more):
    facts = {"reason": "gone", "attempts": 9, "first_seen": NOW, "subject": subject}
    return DeadLetter(payload=payload, **facts, **more)


def order():
    payload = {
        "event": happened().model_dump(mode="json", by_alias=True),
        "event_id": "e",
        "alert_namespace": "flux-system",
        "alert_name": "a",
        "provider_namespace": "flux-system",
        "provider_name": "hook",
        "provider_uid": "u",
        "accepted": NOW.isoformat(),
    }
    return Envelope(id="o", time=NOW, subject="deliveries.local.flux-system.hook", payload=payload)


def test_a_delivery_that_is_sent_again_begins_its_time_anew():
    later = NOW + timedelta(days=30)
    sent = decode(again(letter(encode(order()).decode()), later))
    assert datetime.fromisoformat(sent.payload["accepted"]) == later
    assert sent.id == "o"
    assert sent.payload["event"] == order().payload["event"]


def test_other_messages_are_sent_again_as_they_were():
    assert again(letter("torn", "commands.local.GitRepository.a.b"), NOW) == b"torn"


@pytest.mark.parametrize(
    ("broken"),
    [letter("part", truncated=True), letter("x", "deadletters.local.deliveries.a.b")],
)
def test_what_is_not_whole_is_not_sent_again(broken):
    with pytest.raises(MalformedError, match="drop it"):
        again(broken, NOW)


def test_a_letter_of_another_form_stands_for_itself():
    envelope = Envelope(id="x", time=NOW, subject="deadletters.local.x", payload={"odd": 1})
    got = Received(subject="deadletters.local.x", envelope=envelope, attempts=1, stream_sequence=1)
    found = letter_of(got)
    assert "DeadLetter" in found.reason
    assert readable(found)["payload"] == {"odd": 1}


def kind(name, group, plural=""):
    return Resource(
        group=group, version="v1", plural=plural or f"{name.lower()}s", kind=name, namespaced=True
    )


SERVED = [
    kind("Service", ""),
    kind("Service", "serving.knative.dev"),
    kind("Deployment", "apps"),
    kind("Thing", "a.example"),
    kind("Thing", "b.example"),
]


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("deploy", "apps"),
        ("Deployment", "apps"),
        ("deployments", "apps"),
        ("svc", ""),
        ("Service.serving.knative.dev", "serving.knative.dev"),
        ("thing.b.example", "b.example"),
    ],
)
def test_kinds_of_the_cluster_are_found_by_what_people_call_them(text, group):
    assert served_as(SERVED, text).group == group


def test_a_name_of_two_kinds_is_asked_about():
    with pytest.raises(WaitingError, match=r"Thing.a.example, Thing.b.example"):
        served_as(SERVED, "thing")
    with pytest.raises(WaitingError, match="no kind"):
        served_as(SERVED, "nonsense")
