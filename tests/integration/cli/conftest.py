"""The command line as a person runs it: a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
KUSTOMIZATION = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "apps"},
    "spec": {"interval": "1h", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}},
}


class Setpoint:
    """
    The program, bound to a cluster, a namespace and perhaps NATS.
    """

    def __init__(self, kubeconfig, namespaced, home, nats=""):
        self._started = []
        self.namespaced = namespaced
        self.ns = namespaced.namespace
        self.environment = {
            "KUBECONFIG": str(kubeconfig),
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "SETPOINT_HOME": str(home),
            "COLUMNS": "300",
            **({"NATS_URL": nats} if nats else {}),
        }

    def __call__(self, *arguments, code=0, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
            env=self.environment | environment,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def start(self, *arguments):
        """
        Start it and leave it running; its output is read line by line.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
        )
        self._started.append(process)
        return process

    def close(self):
        """
        End what was left running.
        """
        for process in self._started:
            process.kill()
            process.communicate()

    def declare(self, name="apps"):
        """
        Put a Kustomization into the namespace.
        """
        named = {**KUSTOMIZATION, "metadata": {"name": name}}
        self.namespaced("apply", "-f", "-", stdin=named)

    def found(self, name="apps"):
        return self.namespaced.json("get", "ks", name)

    def status(self, *conditions, of="apps", **more):
        """
        Write a status, as its service would: conditions as (type, status, message).
        """
        generation = self.found(of)["metadata"]["generation"]
        told = [
            {
                "type": type_,
                "status": status,
                "message": message,
                "reason": "X",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
                "observedGeneration": generation,
            }
            for type_, status, message in conditions
        ]
        status = {"observedGeneration": generation, "conditions": told, **more}
        patch = json.dumps({"status": status})
        self.namespaced("patch", "ks", of, "--subresource=status", "--type=merge", "-p", patch)


@pytest.fixture
def setpoint(source_crds, namespaced, tmp_path):
    program = Setpoint(source_crds, namespaced, tmp_path)
    yield program
    program.close()


@pytest.fixture
def with_bus(source_crds, namespaced, tmp_path, nats_server, bus):
    """
    The program with NATS as the user that the command line has; ``bus`` writes.
    """
    password = nats_server.server.password_file("cli").read_text().strip()
    host = nats_server.server.address.removeprefix("nats://")
    program = Setpoint(source_crds, namespaced, tmp_path, f"nats://cli:{password}@{host}")
    yield program
    program.close()
