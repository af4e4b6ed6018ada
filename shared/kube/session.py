"""
Who we are and where the API server is.

The library reads what a pod or a kubeconfig gives and runs credential plugins; requests go through
sessions of our own (``requests.py``), which cost half the CPU.
"""

import asyncio
import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from yaml import MarkedYAMLError, YAMLError

from shared.errors import StalledError
from shared.kube.credentials import Credentials, Fixed, Plugin, TokenFile
from shared.kube.library import Library, load

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

# What the library raises where a part of a kubeconfig is not of the expected form.
_INVALID = "Invalid kube-config file"  # then what is expected, " in " and perhaps a whole entry
_QUOTES_NAMES_ONLY = (
    "exec: malformed request. missing key",
    "Service",
    "Cert file",
    "Token file",
)
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """
    Everything that a session needs to reach one cluster as one identity.
    """

    address: str
    tls: ssl.SSLContext | None
    server_name: str | None
    proxy: str | None
    credentials: Credentials


def open_access(kubeconfig: Path | None, *, context: str | None = None) -> Access:
    """
    Read the kubeconfig, or the pod's service account if there is none.

    Raises:
        StalledError: Neither can be read, or they ask for what is not supported.

    """
    library = load()
    try:
        paths = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG", "")
        if not paths and "KUBERNETES_SERVICE_HOST" in os.environ:
            return _in_cluster(library)
        return _from_kubeconfig(library, paths or str(Path.home() / ".kube/config"), context)
    except (library.exception, YAMLError, OSError, *_UNREADABLE) as exc:
        ours = isinstance(exc, _UnfitError)
        remedy = "" if ours else "; set KUBECONFIG to a kubeconfig that works"
        raise StalledError(
            f"cannot read how to reach the API server: {_said(exc, library)}{remedy}",
            reason="KubeconfigInvalid",
        ) from None  # the cause may quote a token or a key, and would be logged with us


class _UnfitError(ValueError):
    """Our own words about a kubeconfig, with a remedy; they quote names and paths of files only."""


def _said(exc: Exception, library: Library) -> str:
    """
    Say what is wrong with a kubeconfig without any part of it: a value may stand anywhere.
    """
    text = str(exc)
    of_library = isinstance(exc, library.exception)
    if of_library and text.startswith(_INVALID):
        return text.partition(" in ")[0]
    if isinstance(exc, _UnfitError) or (of_library and text.startswith(_QUOTES_NAMES_ONLY)):
        return text
    if isinstance(exc, MarkedYAMLError) and exc.problem_mark is not None:
        return f"it is not YAML near line {exc.problem_mark.line + 1}"
    if isinstance(exc, OSError):
        return exc.strerror or "a file or certificate cannot be read"
    return f"a part of it is not of the expected form ({type(exc).__name__})"


def _in_cluster(library: Library) -> Access:
    loader = library.in_cluster(
        token_filename=str(_SERVICE_ACCOUNT / "token"),
        cert_filename=str(_SERVICE_ACCOUNT / "ca.crt"),
    )
    configuration = library.configuration()
    loader.load_and_set(configuration)
    return Access(
        address=configuration.host,
        tls=ssl.create_default_context(cafile=configuration.ssl_ca_cert),
        server_name=None,
        proxy=None,
        credentials=TokenFile(_SERVICE_ACCOUNT / "token"),
    )


def _from_kubeconfig(library: Library, paths: str, context: str | None) -> Access:
    config = _merged(library, paths)
    name = context or config.safe_get("current-context") or ""
    contexts = [str(one["name"]) for one in config["contexts"].value]
    if not contexts:
        raise _no_kubeconfig(paths)
    if name not in contexts:
        why = f"there is no context {name!r} in {paths}" if name else f"{paths} chooses no context"
        raise _UnfitError(f"{why}; there are: {', '.join(contexts)}")
    chosen = config["contexts"].get_with_name(name)["context"]
    cluster_node = config["clusters"].get_with_name(chosen["cluster"])
    cluster = cluster_node["cluster"]
    user_name = chosen.safe_get("user")  # a context without a user is legitimate
    user_node = config["users"].get_with_name(user_name) if user_name else None
    user = user_node["user"].value if user_node and user_node.safe_get("user") else {}
    address = str(cluster["server"]).rstrip("/")
    base = _folder(user_node)
    tls = None
    if address.startswith("https"):
        tls = _tls(cluster.value, _folder(cluster_node))
        _client_certificate(tls, user, base)
    return Access(
        address=address,
        tls=tls,
        server_name=cluster.safe_get("tls-server-name"),
        proxy=cluster.safe_get("proxy-url"),
        credentials=_credentials(library, user_node, user, base, tls),
    )


def _merged(library: Library, paths: str) -> Any:
    # The library would log a line of its own about files that are not there.
    files = [Path(path).expanduser() for path in paths.split(os.pathsep) if path]
    if not any(file.exists() for file in files):
        raise _UnfitError(
            f"there is no kubeconfig at {paths}; set KUBECONFIG to one, or run in a pod with a"
            " service account"
        )
    try:
        return library.merger(paths).config
    except (library.exception, TypeError, AttributeError, KeyError):
        raise _no_kubeconfig(paths) from None


def _no_kubeconfig(paths: str) -> _UnfitError:
    return _UnfitError(
        f"{paths} is no kubeconfig: expected are lists of clusters, users and contexts, each with"
        " its name, and a current-context; name another file"
    )


def _folder(node: Any) -> Path:
    return Path(node.path).absolute().parent if node is not None and node.path else Path()


def _tls(cluster: Mapping[str, Any], base: Path) -> ssl.SSLContext:
    data = _data(cluster, "certificate-authority", base)
    tls = ssl.create_default_context(cadata=data.decode() if data else None)
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls


def _client_certificate(tls: ssl.SSLContext, user: Mapping[str, Any], base: Path) -> None:
    certificate = _data(user, "client-certificate", base)
    key = _data(user, "client-key", base)
    if certificate and key:
        load_client_certificate(tls, certificate, key)


def load_client_certificate(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """
    Give a TLS context a client certificate; Python reads them from files only.
    """
    with TemporaryDirectory(prefix="setpoint-") as folder:  # mode 0700
        path = Path(folder) / "client.pem"
        path.write_bytes(certificate + b"\n" + key)
        tls.load_cert_chain(path)


def _data(node: Mapping[str, Any], key: str, base: Path) -> bytes:
    try:
        if node.get(f"{key}-data"):
            return base64.b64decode(node[f"{key}-data"])
        return (base / node[key]).read_bytes() if node.get(key) else b""
    except (OSError, *_UNREADABLE) as exc:
        # The value is not named: somebody may have put the key itself where its file belongs.
        why = (
            f"names a file that cannot be read ({exc.strerror})"
            if isinstance(exc, OSError)
            else ("is not base64")
        )
        raise _UnfitError(f"{key} {why}") from None


def _credentials(
    library: Library, node: Any, user: Mapping[str, Any], base: Path, tls: ssl.SSLContext | None
) -> Credentials:
    if "auth-provider" in user:
        # The library's refresh of these turns certificate verification off.
        raise _UnfitError("auth-provider is not supported: use a token, a certificate or exec")
    if "exec" in user:
        provider = library.exec_provider(node["user"]["exec"])

        async def run() -> Mapping[str, Any]:
            async with asyncio.timeout(30):  # seconds; a plugin may wait for a browser, not longer
                status: Mapping[str, Any] = await provider.run()
            if tls is not None and "clientCertificateData" in status:
                load_client_certificate(
                    tls,
                    status["clientCertificateData"].encode(),
                    status["clientKeyData"].encode(),
                )
            return status

        return Plugin(run)
    if user.get("token"):
        return Fixed(f"Bearer {str(user['token']).strip()}")
    if user.get("tokenFile"):
        return TokenFile(base / user["tokenFile"])
    if user.get("username") and user.get("password"):
        pair = f"{user['username']}:{user['password']}".encode()
        return Fixed("Basic " + base64.b64encode(pair).decode())
    return Fixed("")
