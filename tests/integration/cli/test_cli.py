"""The command line as a person runs it, against a real API server."""

import json
import signal
import time
from pathlib import Path

import pytest
import yaml

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
READY = ("Ready", "True", "Applied revision: main")


def annotations(obj):
    return obj["metadata"].get("annotations") or {}


def line_with(process, text):
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"it ended without {text!r}")


def asked(setpoint):
    """
    Wait for a request, and return its token.
    """
    end = time.monotonic() + 20
    while time.monotonic() < end:
        token = annotations(setpoint.found()).get(REQUESTED_AT)
        if token:
            return token
    raise AssertionError("nobody asked")


def test_objects_are_listed_suspended_and_resumed(setpoint):
    setpoint.declare()
    assert "waiting to be reconciled" in setpoint("get", "ks", "-n", setpoint.ns)
    setpoint("suspend", "ks", "apps", "-n", setpoint.ns, "--reason", "because")
    found = setpoint.found()
    assert found["spec"]["suspend"] is True
    assert annotations(found)["setpoint.dev/suspend-reason"] == "because"
    text = setpoint("reconcile", "ks", "apps", "-n", setpoint.ns, code=1)
    assert "is suspended" in text
    setpoint("resume", "ks", "apps", "-n", setpoint.ns, "--no-wait")
    found = setpoint.found()
    assert found["spec"]["suspend"] is False
    assert not [name for name in annotations(found) if name.startswith("setpoint.dev/")]


def test_a_resumed_object_is_waited_for_until_its_pass_has_ended(setpoint):
    setpoint.declare()
    setpoint("suspend", "ks", "apps", "-n", setpoint.ns)
    setpoint.status(READY)
    process = setpoint.start("resume", "ks", "apps", "-n", setpoint.ns)
    line_with(process, "resumed")
    setpoint.status(("Ready", "False", "no such path"))
    assert "✗" in line_with(process, "no such path")
    assert process.wait(20) == 1


def test_all_of_a_kind_are_suspended_and_resumed(setpoint):
    words = ("ks", "--all", "-n", setpoint.ns)
    assert "there are no kustomizations" in setpoint("suspend", *words, code=1)
    setpoint.declare("apps")
    setpoint.declare("infra")
    setpoint("suspend", "ks", "apps", "-n", setpoint.ns, "--reason", "an older one")
    text = setpoint("suspend", *words)
    assert f"Kustomization {setpoint.ns}/infra suspended" in text
    assert "apps suspended" not in text
    assert annotations(setpoint.found())["setpoint.dev/suspend-reason"] == "an older one"
    assert "are suspended already" in setpoint("suspend", *words)
    process = setpoint.start("resume", *words)
    line_with(process, "apps resumed")
    line_with(process, "infra resumed")
    setpoint.status(("Ready", "False", "no such path"), of="apps")
    setpoint.status(READY, of="infra")
    assert "apps" in line_with(process, "✗")
    assert "infra" in line_with(process, "✔")
    assert process.wait(20) == 1
    assert "no kustomizations" in setpoint("resume", *words)


def test_kinds_that_a_user_may_not_list_are_named_beside_the_others(setpoint, tmp_path):
    setpoint.declare()
    config = setpoint.environment["KUBECONFIG"]
    setpoint.namespaced("create", "serviceaccount", "reader")
    rights = ("--verb=list", "--verb=get", "--verb=watch")
    kinds = "kustomizations.kustomize.toolkit.fluxcd.io"
    setpoint.namespaced("create", "role", "reader", *rights, f"--resource={kinds}")
    account = f"--serviceaccount={setpoint.ns}:reader"
    setpoint.namespaced("create", "rolebinding", "reader", "--role=reader", account)
    token = setpoint.namespaced("create", "token", "reader").strip()
    limited = yaml.safe_load(Path(config).read_text())
    limited["users"] = [{"name": one["name"], "user": {"token": token}} for one in limited["users"]]
    path = tmp_path / "limited"
    path.write_text(yaml.safe_dump(limited))
    words = ("-n", setpoint.ns, "--kubeconfig", str(path))
    text = setpoint("get", "all", *words, code=1)
    assert "kustomization/apps" in text
    assert text.count("error: ") == 4
    assert "GitRepository" in text
    assert "error" not in setpoint("get", "ks", *words)
    assert "GitRepository" in setpoint("get", "sources", "git", *words, code=1)
    process = setpoint.start("get", "all", "--watch", *words)
    line_with(process, "kustomization/apps")


@pytest.mark.parametrize(
    ("result", "message", "code"), [("True", "Applied", 0), ("False", "broken", 1)]
)
def test_a_request_ends_with_the_pass_that_answers_it(setpoint, result, message, code):
    setpoint.declare()
    setpoint.status(READY)
    process = setpoint.start("reconcile", "ks", "apps", "-n", setpoint.ns)
    token = asked(setpoint)
    setpoint.status(
        ("Reconciling", "True", "building"), ("Ready", "Unknown", ""), lastHandledReconcileAt=token
    )
    line_with(process, "building")
    setpoint.status(("Ready", result, message), lastHandledReconcileAt=token)
    line_with(process, message)
    assert process.wait(20) == code


def test_a_request_about_an_object_that_goes_away_ends(setpoint):
    setpoint.declare()
    process = setpoint.start("reconcile", "ks", "apps", "-n", setpoint.ns)
    asked(setpoint)
    setpoint.namespaced("delete", "ks", "apps")
    line_with(process, "does not exist")
    assert process.wait(20) == 1


def test_objects_are_printed_for_programs(setpoint):
    setpoint.declare()
    found = json.loads(setpoint("get", "ks", "apps", "-n", setpoint.ns, "-o", "json"))
    assert found["items"][0]["kind"] == "Kustomization"
    assert setpoint("get", "ks", "-n", setpoint.ns, "-o", "name") == "kustomization/apps\n"
    assert "GitRepository/" in setpoint("get", "ks", "-n", setpoint.ns, "-o", "wide")
    assert "kustomization/apps" in setpoint("get", "all", "-n", setpoint.ns)


def test_changes_are_printed_until_ctrl_c(setpoint):
    setpoint.declare()
    process = setpoint.start("get", "ks", "-n", setpoint.ns, "--watch")
    line_with(process, "waiting to be reconciled")
    setpoint.status(READY)
    line_with(process, "Applied revision: main")
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=20)[0]
    assert process.returncode == 130


def test_a_users_mistake_is_one_clear_line(setpoint, tmp_path):
    assert "no kustomizations 'nope'" in setpoint("get", "ks", "nope", "-n", setpoint.ns, code=1)
    assert "does not exist" in setpoint("resume", "ks", "nope", "-n", setpoint.ns, code=1)
    assert "no kind is called" in setpoint("get", "nonsense", code=2)
    absent = str(tmp_path / "absent")
    assert "absent" in setpoint("get", "all", KUBECONFIG=absent, code=2)
    assert "absent" in setpoint("get", "all", "--kubeconfig", absent, code=2)
    assert "nowhere" in setpoint("get", "all", "--context", "nowhere", code=2)


def test_nobody_answering_in_time_is_said(setpoint):
    setpoint.declare()
    text = setpoint("reconcile", "ks", "apps", "-n", setpoint.ns, "--timeout", "1s", code=1)
    assert "no answer" in text


def test_the_definitions_are_installed(setpoint):
    assert "kustomizations.kustomize.toolkit.fluxcd.io" in setpoint("install")


def test_an_object_is_paused_and_healed_again(setpoint):
    setpoint.namespaced("create", "configmap", "page")
    words = ("cm/page", "-n", setpoint.ns)
    text = setpoint("pause", *words, "--for", "1h", "--reason", "incident", code=1)
    assert "belongs to no Kustomization" in text
    setpoint.namespaced("label", "configmap", "page", "kustomize.toolkit.fluxcd.io/name=apps")
    setpoint("pause", *words, "--for", "1h", "--reason", "incident")
    notes = annotations(setpoint.namespaced.json("get", "configmap", "page"))
    assert notes["setpoint.dev/paused-reason"] == "incident"
    assert notes["setpoint.dev/paused-until"].endswith("Z")
    assert notes["setpoint.dev/paused-by"]
    setpoint.declare()
    drift = {"id": f"{setpoint.ns}_page__ConfigMap", "since": "2026-01-01T00:00:00Z"}
    setpoint.status(READY, drift=[drift | {"action": "paused"}])
    until = notes["setpoint.dev/paused-until"]
    assert f"(paused until {until}; by nobody known)" in setpoint("drift", "-n", setpoint.ns)
    assert "is healed again" in setpoint("unpause", *words)
    assert annotations(setpoint.namespaced.json("get", "configmap", "page")) == {}
    assert "was not paused" in setpoint("unpause", *words)


def test_without_a_bus_kubernetes_events_are_shown_and_it_is_said(setpoint):
    setpoint.namespaced(
        "create",
        "-f",
        "-",
        stdin={
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "apps.1"},
            "involvedObject": {
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
                "kind": "Kustomization",
                "name": "apps",
                "namespace": setpoint.ns,
            },
            "reason": "HealthCheckFailed",
            "message": "shop is not ready",
            "type": "Warning",
            "lastTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
    )
    text = setpoint("events", "--for", "ks/apps", "-n", setpoint.ns)
    assert "these are Kubernetes Events" in text
    assert "shop is not ready" in text
    assert "shop is not ready" not in setpoint("events", "--for", "ks/other", "-n", setpoint.ns)
