"""How the system starts, is found by a second terminal, and ends."""

import json
import signal
import subprocess

import pytest

from tests.e2e.system import STOPPED_WITHIN, System, alive, family
from tests.fixtures.waiting import until

REMOTE = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "far", "cluster": {"server": "https://192.0.2.7:6443"}}],
    "users": [{"name": "me", "user": {"token": "secret-token"}}],
    "contexts": [{"name": "far", "context": {"cluster": "far", "user": "me"}}],
    "current-context": "far",
}


@pytest.fixture
def fresh(tmp_path):
    """
    Give the start of systems of this test's own, which end with it.
    """
    started = []

    def start(**environment):
        running = System(tmp_path, **environment)
        started.append(running)
        return running

    yield start
    for running in started:
        if running.process.poll() is None:
            running.stop(signal.SIGKILL)


def test_a_second_up_says_that_one_runs_and_ends_with_1(system):
    second = system.setpoint("up")
    assert second.returncode == 1
    assert "already up" in second.stdout
    assert str(system.process.pid) in second.stdout
    assert system.process.poll() is None


def test_a_second_terminal_gets_programs_and_addresses_by_one_file(system):
    script = ". .setpoint/activate && kubectl get namespaces && command -v setpoint && env"
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        check=False,
        cwd=system.home,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "production" in done.stdout
    for name in ("KUBECONFIG", "NATS_URL", "GIT_URL", "RECEIVER_URL", "WEBHOOK_LOG", "SOURCE_PID"):
        assert f"{name}={system.env[name]}" in done.stdout


def test_env_is_plain_assignments_for_its_owner_only(system):
    lines = (system.state / "env").read_text().splitlines()
    assert all(not line.startswith("export") and line.endswith("'") for line in lines)
    assert (system.state / "env").stat().st_mode & 0o077 == 0


def test_without_a_terminal_it_prints_plain_lines(system):
    assert "\x1b" not in system.output()
    assert "GitRepository/example: fetched main@sha1:" in system.output()


def test_a_stopped_system_leaves_no_process_and_starts_again_where_it_was(fresh):
    first = fresh()
    first.wait_ready()
    members, objects, url = family(first.process.pid), first.uids(), first.env["GIT_URL"]
    assert len(members) >= 7
    assert first.stop(signal.SIGTERM) == 0
    assert alive(members) == set()
    assert not (first.state / "env").exists()
    again = fresh()
    again.wait_ready()
    assert again.env["GIT_URL"] == url
    assert again.uids() == objects
    members = family(again.process.pid)
    assert again.stop(signal.SIGINT) == 130
    assert alive(members) == set()


def test_a_killed_system_leaves_no_process(fresh):
    running = fresh()
    running.wait_ready()
    members = family(running.process.pid)
    running.stop(signal.SIGKILL)
    until("all have ended", lambda: not alive(members), within=STOPPED_WITHIN)


def test_it_can_be_stopped_before_it_is_ready(fresh):
    running = fresh()
    until("it starts things", lambda: "NATS listens" in running.output())
    members = family(running.process.pid)
    assert running.stop(signal.SIGTERM) == 0
    assert alive(members) == set()


def test_down_stops_a_running_system_and_removes_its_state(fresh):
    running = fresh()
    running.wait_ready()
    members = family(running.process.pid)
    down = running.setpoint("down")
    assert down.returncode == 0, down.stdout
    assert running.process.wait(timeout=STOPPED_WITHIN) == 0
    assert alive(members) == set()
    assert not running.state.exists()
    assert running.setpoint("down").returncode == 0


def test_a_cluster_on_another_machine_is_refused_and_nothing_is_written(fresh, tmp_path):
    login = tmp_path / "remote"
    login.write_text(json.dumps(REMOTE))
    running = fresh(KUBECONFIG=str(login))
    assert running.process.wait(timeout=30) == 2
    assert "far" in running.output()
    assert "https://192.0.2.7:6443" in running.output()
    assert "SETPOINT_UP_REMOTE=yes" in running.output()
    assert "secret-token" not in running.output()
    assert not running.state.exists()


def test_a_cluster_that_does_not_answer_is_named_and_ends_with_2(fresh, tmp_path):
    config = json.loads(json.dumps(REMOTE))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    login = tmp_path / "away"
    login.write_text(json.dumps(config))
    running = fresh(KUBECONFIG=str(login))
    assert running.process.wait(timeout=30) == 2
    assert "https://127.0.0.1:1" in running.output()


def test_a_named_cluster_is_used_and_left_as_it_is_by_down(fresh, kubeconfig):
    running = fresh(KUBECONFIG=str(kubeconfig))
    running.wait_ready()
    assert running.env["KUBECONFIG"] == str(kubeconfig)
    until("it is Ready", lambda: running.converged(""))
    kubectl = running.kubectl
    down = running.setpoint("down")
    assert down.returncode == 0, down.stdout
    assert "still holds" in down.stdout
    kubectl("get", "namespace", "production")
