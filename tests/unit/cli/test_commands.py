import pytest
import typer

from cli.cluster import ready_of
from cli.commands.get import table
from cli.commands.reconcile import answered
from cli.words import kind_named

REVISION = "main@sha1:" + "5007eeaf" * 5


def kustomization(**status):
    return {
        "metadata": {"name": "apps", "namespace": "flux-system"},
        "spec": {"suspend": True},
        "status": status,
    }


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ks", "Kustomization"),
        ("kustomizations", "Kustomization"),
        ("gitrepo", "GitRepository"),
        ("sources", "GitRepository"),
        ("alert-providers", "Provider"),
        ("Receiver", "Receiver"),
    ],
)
def test_a_kind_is_found_by_what_people_call_it(text, kind):
    assert kind_named(text).kind == kind


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(typer.BadParameter, match="kustomizations"):
        kind_named("helmrelease")


def test_what_nobody_has_looked_at_is_waiting():
    assert ready_of({"metadata": {}})["message"] == "waiting to be reconciled"


def test_a_table_has_the_columns_of_flux_and_short_revisions():
    ready = {"type": "Ready", "status": "True", "message": f"Applied revision: {REVISION}"}
    obj = kustomization(lastAppliedRevision=REVISION, conditions=[ready])
    head, row = table(kind_named("ks"), [obj], namespaces=True).lines()
    assert head.split() == ["NAMESPACE", "NAME", "REVISION", "SUSPENDED", "READY", "MESSAGE"]
    assert row.split()[:5] == [
        "flux-system",
        "apps",
        "main@sha1:5007eeaf",
        "True",
        "True",
    ]
    assert REVISION not in row
    assert REVISION in table(kind_named("ks"), [obj], namespaces=True, wide=True).lines()[1]


@pytest.mark.parametrize(
    ("handled", "ready", "expected"),
    [("t", "True", True), ("t", "False", True), ("t", "Unknown", False), ("old", "True", False)],
)
def test_a_request_is_answered_when_its_own_token_is_and_the_pass_has_ended(
    handled, ready, expected
):
    obj = kustomization(
        lastHandledReconcileAt=handled, conditions=[{"type": "Ready", "status": ready}]
    )
    assert answered(obj, "t") is expected
