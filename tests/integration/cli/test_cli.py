"""The command line as a person runs it, against a real API server."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MANIFEST = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "apps"},
    "spec": {"interval": "1h", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}},
}


@pytest.fixture
def setpoint(source_crds, namespaced):
    def run(*arguments, kubeconfig=source_crds, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            env={"KUBECONFIG": str(kubeconfig), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    run.namespaced = namespaced
    run.ns = namespaced.namespace
    return run


def test_objects_are_listed_suspended_and_resumed(setpoint):
    setpoint.namespaced("apply", "-f", "-", stdin=MANIFEST)
    assert "waiting to be reconciled" in setpoint("get", "ks", "-n", setpoint.ns)
    setpoint("suspend", "ks", "apps", "-n", setpoint.ns, "--reason", "because")
    found = setpoint.namespaced.json("get", "ks", "apps")
    assert found["spec"]["suspend"] is True
    assert found["metadata"]["annotations"]["setpoint.dev/suspend-reason"] == "because"
    text = setpoint("reconcile", "ks", "apps", "-n", setpoint.ns, code=1)
    assert "is suspended" in text
    setpoint("resume", "ks", "apps", "-n", setpoint.ns, "--no-wait")
    found = setpoint.namespaced.json("get", "ks", "apps")
    assert found["spec"]["suspend"] is False
    assert "setpoint.dev/suspend-reason" not in (found["metadata"].get("annotations") or {})


def test_a_users_mistake_is_one_clear_line(setpoint, tmp_path):
    assert "no kustomizations 'nope'" in setpoint("get", "ks", "nope", "-n", setpoint.ns, code=1)
    assert "does not exist" in setpoint("resume", "ks", "nope", "-n", setpoint.ns, code=1)
    assert "no kind is called" in setpoint("get", "nonsense", code=2)
    text = setpoint("get", "all", kubeconfig=tmp_path / "absent", code=2)
    assert "absent" in text


def test_nobody_answering_in_time_is_said(setpoint):
    setpoint.namespaced("apply", "-f", "-", stdin=MANIFEST)
    text = setpoint("reconcile", "ks", "apps", "-n", setpoint.ns, "--timeout", "1s", code=1)
    assert "no answer" in text


def test_the_definitions_are_installed(setpoint):
    assert "kustomizations.kustomize.toolkit.fluxcd.io" in setpoint("install")
