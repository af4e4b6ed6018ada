import copy

import pytest

from services.reconciler.core.drift import DriftKind
from services.reconciler.core.explain import FIELDS_SHOWN, UNTRACED, explain
from services.reconciler.core.receipt import receipt_from_response
from tests.unit.reconciler.recorded import recorded

C1 = "spec.template.spec.containers[name=c1]"


@pytest.mark.parametrize(
    ("edit", "who", "changes"),
    [
        ("scale", "kubectl", [("spec.replicas", 2, 5)]),
        (
            "set-image",
            "kubectl-set",
            [(f"{C1}.image", "example.org/app:1", "example.org/app:evil")],
        ),
        ("set-env-declared", "kubectl-set", [(f"{C1}.env[name=A].value", "1", "2")]),
        ("forced-takeover", "other-applier", [("spec.replicas", 2, 7)]),
        (
            "replace",
            "kubectl-replace",
            [(f"{C1}.image", "example.org/app:1", "example.org/app:replaced")],
        ),
        ("configmap-edited", "kubectl-patch", [("data.a", "1", "2")]),
        (
            "service-port-edited",
            "kubectl-patch",
            [("spec.ports[port=80,protocol=TCP].targetPort", 8080, 9090)],
        ),
        ("ancient-changes", "writer-0", [("spec.replicas", 2, 3)]),
        (
            "same-manager-other-value",
            "another client as setpoint",
            [(f"{C1}.image", "example.org/app:1", "example.org/app:other")],
        ),
    ],
)
def test_the_report_names_the_field_both_values_and_the_writer(edit, who, changes):
    report = recorded(edit).explain()
    assert [(one.path, one.old, one.new) for one in report.fields] == changes
    assert report.who == who


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        ("label-removed", [("metadata.labels.app", "demo", None)]),
        ("env-removed", [(f"{C1}.env", "(1 items)", None)]),
        ("configmap-key-removed", [("data.a", "1", None)]),
        (
            "list-key-changed",
            [("spec.template.spec.containers[name=c2]", "(2 fields)", None)],
        ),
        (
            "owner-label-removed",
            [("metadata.labels[kustomize.toolkit.fluxcd.io/name]", "apps", None)],
        ),
    ],
)
def test_nobody_is_named_for_a_removal(edit, changes):
    report = recorded(edit).explain()
    assert [(one.path, one.old, one.new) for one in report.fields] == changes
    assert report.manager == ""
    assert report.who == UNTRACED


def test_nobody_is_named_where_the_server_merged_the_writers():
    report = recorded("ancient-changes-ours").explain()
    assert [one.path for one in report.fields] == ["spec.replicas"]
    assert report.who == UNTRACED


def test_a_deletion_has_no_fields_and_no_writer():
    report = recorded("deleted").explain(DriftKind.GONE)
    assert (report.kind, report.fields, report.who) == (DriftKind.GONE, (), UNTRACED)
    assert str(report) == "Deployment/core-record/app was deleted"


def test_a_replaced_object_names_who_made_the_new_one():
    report = recorded("replace-force").explain(DriftKind.REPLACED)
    assert (report.fields, report.who) == ((), "kubectl-replace")


def test_the_time_is_that_of_the_writers_entry():
    case = recorded("set-image")
    entry = next(
        one for one in case.live["metadata"]["managedFields"] if one["manager"] == "kubectl-set"
    )
    assert case.explain().since == entry["time"]


def test_a_writer_older_than_the_receipt_is_not_named():
    case = recorded("set-image")
    later = copy.deepcopy(case.applied)
    for entry in later["metadata"]["managedFields"]:
        entry["time"] = "2099-01-01T00:00:00Z"
    report = explain(
        case.desired, case.live, receipt_from_response("d", later), kind=DriftKind.CHANGED, mask=str
    )
    assert report.who == UNTRACED


def test_a_field_taken_at_our_value_is_told_where_nothing_differs():
    case = recorded("set-image")
    live = copy.deepcopy(case.live)
    for container in live["spec"]["template"]["spec"]["containers"]:
        if container["name"] == "c1":
            container["image"] = "example.org/app:1"
    report = explain(case.desired, live, case.receipt, kind=DriftKind.CHANGED, mask=str)
    assert [(one.path, one.old, one.new) for one in report.fields] == [
        (f"{C1}.image", "example.org/app:1", "example.org/app:1")
    ]
    assert report.who == "kubectl-set"


def test_cleared_ownership_changes_no_field():
    assert recorded("managed-fields-cleared").explain().fields == ()


def test_values_of_secrets_are_never_shown():
    report = recorded("secret-edited").explain()
    assert [(one.path, one.old, one.new) for one in report.fields] == [
        ("data.password", "***", "***")
    ]


def changed(path, old, new, name="cm", kind="ConfigMap"):
    def obj(value):
        return {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "n"},
            "data": {path: value},
        }

    report = explain(obj(old), obj(new), None, kind=DriftKind.CHANGED, mask=str)
    return [(one.old, one.new) for one in report.fields]


@pytest.mark.parametrize("name", ["api-token", "PASSWORD", "dbCredential", "tls.key", "secretId"])
def test_values_are_masked_by_the_name_of_their_field(name):
    assert changed(name, "a", "b") == [("***", "***")]


def test_values_are_masked_by_the_name_of_the_object():
    assert changed("a", "x", "y", name="db-credentials") == [("***", "***")]


def test_values_of_variables_are_masked_by_the_name_of_the_variable():
    case = recorded("set-env-declared")
    desired, live = copy.deepcopy(case.desired), copy.deepcopy(case.live)
    for obj in (desired, live):
        for container in obj["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env", ()):
                variable["name"] = "DB_PASSWORD"
    report = explain(desired, live, None, kind=DriftKind.CHANGED, mask=str)
    assert [(one.path, one.old, one.new) for one in report.fields] == [
        (f"{C1}.env[name=DB_PASSWORD].value", "***", "***")
    ]


def test_long_values_are_cut():
    [(old, new)] = changed("a", "x" * 500, "y")
    assert (len(old), new) == (120, "y")


def test_credentials_in_addresses_are_masked():
    [(old, _)] = changed("url", "https://user:hunter2@example.org/x", "")
    assert old == "https://***@example.org/x"


def test_what_the_last_client_side_apply_noted_is_never_shown():
    name = "kubectl.kubernetes.io/last-applied-configuration"
    desired = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "annotations": {name: "a"}},
    }
    live = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "annotations": {name: "b"}},
    }
    [one] = explain(desired, live, None, kind=DriftKind.CHANGED, mask=str).fields
    assert (one.old, one.new) == ("***", "***")


def test_a_report_is_bounded_and_says_how_many_fields_are_left_out():
    desired = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "cm", "namespace": "n"},
        "data": {f"d{n}": "1" for n in range(50)},
    }
    report = explain(desired, {**desired, "data": {}}, None, kind=DriftKind.CHANGED, mask=str)
    assert (len(report.fields), report.more) == (FIELDS_SHOWN, 50 - FIELDS_SHOWN)
    assert "and 47 more" in str(report)


def test_a_value_that_came_from_a_secret_is_masked_in_whatever_field_it_stands():
    def mask(text):
        return text.replace("hunter2", "***")

    desired = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "b"},
        "data": {"dsn": "pg:hunter2@db", "x.hunter2": "1"},
    }
    live = {**desired, "data": {"dsn": "was hunter2", "x.hunter2": "2"}}
    report = explain(desired, live, None, kind=DriftKind.CHANGED, mask=mask)
    assert "hunter2" not in repr(report)
    assert report.fields[0].old == "pg:***@db"
