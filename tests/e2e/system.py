"""
The whole system as a user has it: `setpoint up`, git, kubectl and the files it writes.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.up.git_http import clean_environment
from tests.fixtures.cluster import Kubectl
from tests.fixtures.git import IDENTITY
from tests.fixtures.waiting import until

SETPOINT = Path(sys.executable).with_name("setpoint")
KUSTOMIZATIONS = ("example", "infrastructure", "apps-staging", "apps-production")
# The promise is 10 s; a test that shares two cores with others allows for more.
STOPPED_WITHIN = 15.0


class System:
    """
    One running `setpoint up`, with a clone to push from.
    """

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.state = home / ".setpoint"
        self.said = home / "said"
        given = {name: text for name, text in os.environ.items() if name != "KUBECONFIG"}
        self.environment = given | {"SETPOINT_HOME": str(home)} | environment
        with self.said.open("ab") as out:
            self.process = subprocess.Popen(
                [SETPOINT, "up"],
                cwd=home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.work = home / "work"

    def wait_ready(self) -> None:
        until("the example is Ready", self._ready_or_ended, within=90)
        assert self.process.poll() is None, self.output()
        if not self.work.exists():
            self.git("clone", "--quiet", self.env["GIT_URL"], str(self.work), cwd=self.home)

    def _ready_or_ended(self) -> bool:
        return (self.state / "env").exists() or self.process.poll() is not None

    @property
    def env(self) -> Mapping[str, str]:
        lines = (self.state / "env").read_text().splitlines()
        pairs = (line.split("=", 1) for line in lines)
        return {name: shlex.split(value)[0] for name, value in pairs}

    def pid(self, service: str) -> int:
        return int(self.env[f"{service.upper()}_PID"])

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(Path(self.env["KUBECONFIG"]))

    def output(self) -> str:
        return self.said.read_text(errors="replace")

    def git(self, *words: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *words],
            check=False,
            cwd=cwd or self.work,
            env=clean_environment(self.home) | IDENTITY,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def push(self, files: Mapping[str, str | None], message: str = "Change") -> str:
        """
        Write or remove files, commit and push; return the commit.
        """
        for name, text in files.items():
            path = self.work / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.git("push", "--quiet")
        return self.git("rev-parse", "HEAD")

    def read(self, name: str) -> str:
        return (self.work / name).read_text()

    def webhooks(self) -> list[dict[str, Any]]:
        """
        Return the events that were delivered, oldest first.
        """
        lines = Path(self.env["WEBHOOK_LOG"]).read_text().splitlines()
        return [json.loads(line)["body"] for line in lines]

    def ready(self, name: str, commit: str = "") -> bool:
        """
        Say whether a Kustomization is Ready, at a commit if one is given.
        """
        status = self.kustomization(name).get("status", {})
        at = status.get("lastAppliedRevision", "")
        return self.condition(name).get("status") == "True" and at.endswith(commit)

    def condition(self, name: str, type_: str = "Ready") -> dict[str, Any]:
        conditions = self.kustomization(name).get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == type_), {})

    def kustomization(self, name: str) -> dict[str, Any]:
        words = ("--namespace", "flux-system", "get", "kustomizations.kustomize.toolkit.fluxcd.io")
        found: dict[str, Any] = self.kubectl.json(*words, name)
        return found

    def converged(self, commit: str) -> bool:
        return all(self.ready(name, commit) for name in KUSTOMIZATIONS)

    def replicas(self, namespace: str) -> int:
        found = self.kubectl.json("--namespace", namespace, "get", "deployment", "shop")
        return int(found["spec"]["replicas"])

    def uids(self) -> dict[str, str]:
        """
        Return the uid of every object of the example: what pruning or making anew would change.
        """
        kinds = "deployments,services,configmaps,serviceaccounts,ingresses"
        found: dict[str, str] = {}
        for namespace in ("staging", "production"):
            items = self.kubectl.json("--namespace", namespace, "get", kinds)["items"]
            found |= {_name(item): item["metadata"]["uid"] for item in items}
        items = self.kubectl.json("get", "namespaces,banners")["items"]
        return found | {_name(item): item["metadata"]["uid"] for item in items}

    def stop(self, number: int = signal.SIGTERM) -> int:
        """
        Send a signal and return the exit code.
        """
        self.process.send_signal(number)
        return self.process.wait(timeout=STOPPED_WITHIN)

    def setpoint(self, *words: str) -> subprocess.CompletedProcess[str]:
        """
        Run another `setpoint` beside it.
        """
        return subprocess.run(
            [SETPOINT, *words],
            check=False,
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )


def _name(item: Mapping[str, Any]) -> str:
    meta = item["metadata"]
    return f"{item['kind']}/{meta.get('namespace', '')}/{meta['name']}"


def family(pid: int) -> set[int]:
    """
    Return all processes below one, from the kernel's own table.
    """
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        parents[int(stat.parent.name)] = int(fields[1])
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def alive(pids: set[int]) -> set[int]:
    """
    Return those that still run; one that nobody has waited for yet does not.
    """
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.add(pid)
    return found
