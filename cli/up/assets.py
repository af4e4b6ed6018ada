"""
Run etcd and kube-apiserver from a directory of binaries, as `KUBEBUILDER_ASSETS` names one.

There is no controller manager and no node: Deployments do not roll out here and namespaces are not
really deleted. It is for machines that have these binaries and cannot build ours.
"""

import asyncio
import base64
import json
import secrets
import socket
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from cli.up.children import Child, start_child
from cli.up.errors import UpError

# Seconds until both have to be ready; 3 on an idle machine.
READY_TIMEOUT = 60.0
# Readiness is asked for this often: it ends the start, so it is short.
READY_POLL = 0.1
STOP_TIMEOUT = 3.0
# An elliptic-curve key of P-256 in its shortest form: version, secret, name of the curve.
_KEY_HEAD = bytes.fromhex("30310201010420")
_KEY_TAIL = bytes.fromhex("a00a06082a8648ce3d030107")


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """
    What came up: the API server first.
    """

    address: str
    children: tuple[Child, ...]


async def start_assets(
    assets: Path, data: Path, kubeconfig: Path, logs: Path, audit_log: Path | None
) -> Started:
    """
    Start both programs and write the kubeconfig when the API server is ready.
    """
    token = _prepare(assets, data)
    children: list[Child] = []
    try:
        client, peer, port = _free_ports(3)
        etcd = _etcd_arguments(data, client, peer)
        children.append(await start_child(assets / "etcd", etcd, logs / "etcd.log"))
        server = _server_arguments(data, client, port, audit_log)
        log = logs / "kube-apiserver.log"
        children.insert(0, await start_child(assets / "kube-apiserver", server, log))
        address = f"https://127.0.0.1:{port}"
        authority = data / "certificates" / "apiserver.crt"
        await _ready(children, address, authority)
    except BaseException:
        for child in children:
            await child.stop(STOP_TIMEOUT)
        raise
    _write_secret(kubeconfig, _kubeconfig(address, authority.read_bytes(), token))
    return Started(address=address, children=tuple(children))


def _prepare(assets: Path, data: Path) -> str:
    """
    Check the binaries, write the secrets, and return the administrator's token.
    """
    for name in ("etcd", "kube-apiserver"):
        if not (assets / name).is_file():
            raise UpError(
                f"KUBEBUILDER_ASSETS={assets} has no {name}; expected are the binaries etcd and"
                " kube-apiserver; fetch them with setup-envtest, or unset the variable"
            )
    data.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(32)
    _write_secret(data / "tokens.csv", f"{token},admin,admin,system:masters\n")
    if not (data / "service-account.key").exists():
        _write_secret(data / "service-account.key", _new_key())
    return token


def _etcd_arguments(data: Path, client: int, peer: int) -> list[str]:
    ours, other = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        f"--data-dir={data / 'etcd'}",
        f"--listen-client-urls={ours}",
        f"--advertise-client-urls={ours}",
        f"--listen-peer-urls={other}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _server_arguments(data: Path, etcd: int, port: int, audit_log: Path | None) -> list[str]:
    key = data / "service-account.key"
    arguments = [
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        # It makes a certificate there that is its own authority.
        f"--cert-dir={data / 'certificates'}",
        f"--token-auth-file={data / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",
        # No controller makes the service accounts that this admission asks for.
        "--disable-admission-plugins=ServiceAccount",
    ]
    if audit_log is not None:
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata"}],
        }
        (data / "audit-policy.json").write_text(json.dumps(policy))
        arguments.append(f"--audit-policy-file={data / 'audit-policy.json'}")
        arguments.append(f"--audit-log-path={audit_log.absolute()}")
    return arguments


async def _ready(children: list[Child], address: str, authority: Path) -> None:
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            while not await asyncio.to_thread(_answers, address, authority):
                for child in children:
                    if child.returncode is not None:
                        raise UpError(f"{child.name} ended by itself; {child.quoted()}")
                await asyncio.sleep(READY_POLL)
    except TimeoutError as error:
        raise UpError(
            f"{children[0].name} is not ready after {READY_TIMEOUT:.0f} s; {children[0].quoted()}"
        ) from error


def _answers(address: str, authority: Path) -> bool:
    if not authority.exists():
        return False
    try:
        trust = ssl.create_default_context(cafile=authority)
        with urllib.request.urlopen(f"{address}/readyz", timeout=1, context=trust) as answer:  # noqa: S310 - https, on loopback
            return bool(answer.status == 200)  # noqa: PLR2004 - OK
    except (OSError, urllib.error.URLError, ssl.SSLError):
        return False


def _free_ports(count: int) -> list[int]:
    """
    Return ports that were free a moment ago, all different.
    """
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _new_key() -> str:
    # Any 32 random bytes are a secret of this curve, but for a chance of 2^-32.
    raw = _KEY_HEAD + secrets.token_bytes(32) + _KEY_TAIL
    lines = base64.encodebytes(raw).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{lines}-----END EC PRIVATE KEY-----\n"


def _kubeconfig(address: str, authority: bytes, token: str) -> str:
    cluster = {
        "server": address,
        "certificate-authority-data": base64.b64encode(authority).decode(),
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "assets", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "assets", "context": {"cluster": "assets", "user": "admin"}}],
            "current-context": "assets",
        }
    )


def _write_secret(path: Path, content: str) -> None:
    """
    Write a file that appears whole, readable by its owner only.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.touch(mode=0o600)
    temporary.write_text(content)
    temporary.rename(path)
