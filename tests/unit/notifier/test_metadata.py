"""The metadata that a notification carries."""

from services.notifier.core.metadata import combined
from tests.unit.notifier.objects import GROUP, alert, event


def test_each_origin_overrides_the_one_before_it():
    sent = event(
        metadata={
            "event.toolkit.fluxcd.io/env": "event",
            "event.toolkit.fluxcd.io/summary": "event",
            f"{GROUP}/revision": "controller",
        }
    )
    annotations = {
        "event.toolkit.fluxcd.io/env": "object",
        "event.toolkit.fluxcd.io/region": "object",
        "event.toolkit.fluxcd.io/revision": "object",
        "other.example.com/x": "no",
    }
    rule = alert(
        eventMetadata={"region": "alert", "summary": "alert", "revision": "alert"},
        summary="the summary",
    )
    final, disputed = combined(sent, rule, annotations)
    assert final.metadata == {
        "env": "event",
        "region": "alert",
        "revision": "controller",
        "summary": "the summary",
    }
    assert disputed == ("region", "revision", "summary")


def test_prefixes_are_stripped_and_identities_dropped():
    sent = event(
        metadata={
            f"{GROUP}/revision": "main@sha1:1",
            f"{GROUP}/digest": "sha256:1",
            f"{GROUP}/checksum": "1",
            f"{GROUP}/token": "1",
            f"{GROUP}/a/b": "nested",
            "source.toolkit.fluxcd.io/revision": "of another group",
            "object": "Deployment/apps/web",
        }
    )
    final, disputed = combined(sent, alert(), {})
    assert final.metadata == {"object": "Deployment/apps/web", "revision": "main@sha1:1"}
    assert disputed == ()


def test_equal_values_of_two_origins_are_no_dispute():
    sent = event(metadata={f"{GROUP}/env": "prod"})
    _, disputed = combined(sent, alert(eventMetadata={"env": "prod"}), {})
    assert disputed == ()
