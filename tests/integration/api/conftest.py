"""
The real API server with our definitions in it, and a namespace for these tests.
"""

import http.client
import json
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.api import KINDS
from tests.fixtures.waiting import until

KUBECTL = Path(sys.executable).with_name("kubectl")
CRDS = Path(__file__).parents[3] / "deploy" / "crds"
JSON = "application/json"
MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Server:
    """
    The API server, through kubectl and through a proxy that kubectl opens on loopback.
    """

    kubeconfig: Path
    port: int

    def kubectl(self, *arguments, text=""):
        command = [KUBECTL, f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def categorised(self):
        return self.kubectl("api-resources", "--categories=fluxcd", "--output=name").split()

    def request(self, method, path, body=None, kind=JSON):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": kind})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def collection(self, info, namespace):
        return f"/apis/{info.api_version}/namespaces/{namespace}/{info.plural}"

    def create(self, info, namespace, data, *, dry_run=False):
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self.request("POST", self.collection(info, namespace) + query, data)

    def write_status(self, info, namespace, name, status, *, dry_run=False):
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        path = f"{self.collection(info, namespace)}/{name}/status{query}"
        return self.request("PATCH", path, {"status": status}, MERGE)


@pytest.fixture(scope="session")
def proxy_port(kubeconfig):
    with subprocess.Popen(
        [KUBECTL, f"--kubeconfig={kubeconfig}", "proxy", "--port=0", "--reject-methods=^$"],
        stdout=subprocess.PIPE,
        text=True,
    ) as proxy:
        try:
            line = proxy.stdout.readline()  # "Starting to serve on 127.0.0.1:PORT"
            yield int(line.rsplit(":", 1)[1])
        finally:
            proxy.terminate()


@pytest.fixture(scope="session")
def server(kubeconfig, proxy_port):
    server = Server(kubeconfig, proxy_port)
    server.kubectl("apply", "--server-side", "--force-conflicts", f"--kustomize={CRDS}")
    files = [f"--filename={path}" for path in CRDS.glob("*_*.yaml")]
    server.kubectl("wait", "--for=condition=Established", "--timeout=30s", *files)
    # Discovery follows a moment later, and kubectl keeps what it was told before that.
    until("all kinds are served", lambda: set(server.categorised()) >= {i.crd_name for i in KINDS})
    return server


@pytest.fixture(scope="session")
def namespace(server):
    name = f"api-{uuid.uuid4().hex[:8]}"
    server.kubectl("create", "namespace", name)
    yield name
    server.kubectl("delete", "namespace", name, "--wait=false")
