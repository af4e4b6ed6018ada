"""Which events an Alert selects."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.match import labelled, needs_labels, rule_of, sources_for, worded
from shared.errors import StalledError
from tests.unit.notifier.objects import alert, event


def selects(spec, sent, labels=None):
    rule = rule_of(alert(**spec))
    sources = sources_for(rule, sent)
    if not sources or not worded(rule, sent):
        return False
    return labelled(sources, labels or {}) if needs_labels(sources) else True


def source(**parts):
    return {"eventSources": [{"kind": "Kustomization", "name": "*"} | parts]}


@pytest.mark.parametrize(
    ("spec", "selected"),
    [
        (source(), True),
        (source(name="podinfo"), True),
        (source(name="other"), False),
        (source(kind="GitRepository"), False),
        (source(namespace="apps"), True),
        (source(namespace="other"), False),
        (source(namespace="*"), False),
    ],
)
def test_a_source_selects_by_kind_name_and_namespace(spec, selected):
    assert selects(spec, event()) is selected


def test_a_source_without_namespace_means_that_of_the_alert():
    rule = rule_of(alert(namespace="elsewhere"))
    assert sources_for(rule, event()) == ()


@pytest.mark.parametrize(
    ("wanted", "severity", "selected"),
    [
        ("info", "info", True),
        ("info", "error", True),
        ("error", "error", True),
        ("error", "info", False),
    ],
)
def test_severity_error_selects_errors_only(wanted, severity, selected):
    assert selects({"eventSeverity": wanted}, event(severity=severity)) is selected


@pytest.mark.parametrize(
    ("labels", "selected"),
    [({"team": "red", "tier": "web"}, True), ({"team": "blue"}, False), ({}, False)],
)
def test_labels_of_the_object_must_all_match(labels, selected):
    spec = source(matchLabels={"team": "red"})
    assert selects(spec, event(), labels) is selected


def test_labels_are_not_needed_where_another_source_selects_without_them():
    spec = {
        "eventSources": [
            {"kind": "Kustomization", "name": "*", "matchLabels": {"team": "red"}},
            {"kind": "Kustomization", "name": "podinfo"},
        ]
    }
    sources = sources_for(rule_of(alert(**spec)), event())
    assert not needs_labels(sources)


def test_a_name_and_labels_must_both_match():
    spec = source(name="other", matchLabels={"team": "red"})
    assert selects(spec, event(), {"team": "red"}) is False


@pytest.mark.parametrize(
    ("include", "exclude", "selected"),
    [
        ([".*failed.*"], [], True),
        (["^applied"], [], False),
        (["^applied", "timeout"], [], True),
        ([], ["timeout$"], False),
        (["failed"], ["timeout"], False),
        ([], ["(?i)TIMEOUT"], False),
    ],
)
def test_the_exclusion_list_wins_over_the_inclusion_list(include, exclude, selected):
    sent = event(message="health check failed: timeout")
    assert selects({"inclusionList": include, "exclusionList": exclude}, sent) is selected


def test_a_suspended_alert_selects_nothing():
    assert selects({"suspend": True}, event()) is False


@pytest.mark.parametrize("bad", ["(", "a{2,1}", "(?=look)", "[z-a]"])
def test_a_bad_expression_is_named_with_its_place(bad, capfd):
    with pytest.raises(StalledError, match=r"spec\.exclusionList\[1\]") as caught:
        rule_of(alert(exclusionList=["fine", bad]))
    assert caught.value.reason == "InvalidConfig"
    assert capfd.readouterr().err == ""


def test_an_expression_that_would_explode_elsewhere_takes_no_time():
    spec = {"inclusionList": ["(a+)+$"]}
    assert selects(spec, event(message="a" * 30_000 + "b")) is False


def test_expressions_that_would_take_seconds_together_are_refused_with_the_field():
    rule_of(alert(inclusionList=["(.{0,200}x){0,3}y"], exclusionList=["(.{0,200}x){0,3}y"]))
    with pytest.raises(StalledError, match=r"spec\.exclusionList takes \d+ instructions"):
        rule_of(alert(exclusionList=["(.{0,200}x){0,3}y", "(a?){900}a{90}c", "(a?){900}a{90}c"]))


def test_namespaces_of_others_can_be_forbidden():
    spec = alert(**source(namespace="other"))
    rule_of(spec)
    with pytest.raises(StalledError, match="other") as caught:
        rule_of(spec, cross_namespace=False)
    assert caught.value.reason == "AccessDenied"


def test_a_reset_of_the_bus_concerns_every_alert_that_wants_its_severity():
    reset = event(
        reason="BusReset", involved={"kind": "Lease", "namespace": "flux-system", "name": "n"}
    )
    labelled_only = source(matchLabels={"team": "red"})
    assert selects(labelled_only, reset)
    assert not selects(labelled_only | {"eventSeverity": "error"}, reset)
    assert not selects(labelled_only | {"suspend": True}, reset)
    assert not selects(source(), event(reason="Other", involved={"kind": "Lease"}))


def test_refused_events_of_a_service_concern_every_alert():
    refused = event(
        reason="EventsRefused",
        severity="error",
        involved={"kind": "Lease", "namespace": "flux-system", "name": "setpoint-source"},
    )
    assert selects(source(matchLabels={"team": "red"}), refused)
    assert not selects(source(), refused.model_copy(update={"severity": "info", "reason": "X"}))


def test_one_module_alone_knows_the_expression_library():
    root = Path(importlib.util.find_spec("services.notifier").origin).parent
    users = [path.name for path in root.rglob("*.py") if "import re2" in path.read_text()]
    assert users == ["patterns.py"]
    assert "re2" in sys.modules


def test_sources_that_send_no_events_are_named_and_the_others_select():
    rule = rule_of(
        alert(
            eventSources=[
                {"kind": "HelmRelease", "name": "*"},
                {"kind": "Kustomization", "name": "*", "apiVersion": "example.com/v1"},
                {"kind": "Kustomization", "name": "podinfo"},
            ]
        )
    )
    assert sources_for(rule, event())
    helm, foreign = rule.faults
    assert helm.startswith("spec.eventSources[0].kind HelmRelease is not supported yet")
    assert foreign == (
        "spec.eventSources[1].apiVersion example.com/v1 is not supported yet, no Kustomization is "
        "there: use kustomize.toolkit.fluxcd.io/v1"
    )


def test_an_alert_that_could_never_select_is_refused():
    with pytest.raises(StalledError, match=r"spec\.eventSources\[0\]\.kind HelmChart") as caught:
        rule_of(alert(eventSources=[{"kind": "HelmChart", "name": "*"}]))
    assert caught.value.reason == "NotSupported"


NAMES = st.sampled_from(["*", "a", "b"])
KINDS = st.sampled_from(["Kustomization", "GitRepository"])
PLACES = st.sampled_from(["apps", "x"])
LABELS = st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["1", "2"]), max_size=2)
SOURCES = st.fixed_dictionaries(
    {"kind": KINDS, "name": NAMES}, optional={"namespace": PLACES, "matchLabels": LABELS}
)


@given(
    st.lists(SOURCES, min_size=1, max_size=3),
    KINDS,
    st.sampled_from(["a", "b"]),
    st.sampled_from(["apps", "x"]),
    LABELS,
    st.lists(st.sampled_from(["fin", "^Rec", "x$"]), max_size=2),
    st.lists(st.sampled_from(["fin", "^Rec", "x$"]), max_size=2),
)
def test_an_alert_selects_what_a_plain_reading_of_it_selects(
    sources, kind, name, namespace, labels, include, exclude
):
    sent = event(involved={"kind": kind, "name": name, "namespace": namespace})
    spec = {"eventSources": sources, "inclusionList": include, "exclusionList": exclude}
    home = alert(**spec).metadata.namespace
    named = any(
        (one["kind"], one.get("namespace") or home) == (kind, namespace)
        and one["name"] in {"*", name}
        and one.get("matchLabels", {}).items() <= labels.items()
        for one in sources
    )
    passes = not include or any(re.search(text, sent.message) for text in include)
    passes = passes and not any(re.search(text, sent.message) for text in exclude)
    assert selects(spec, sent, labels) is (named and passes)
