"""
Which cluster: one of our own, or the one that KUBECONFIG names, after a look at where it is.
"""

import ipaddress
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.up.errors import ClusterUnusable

REMOTE = "SETPOINT_UP_REMOTE"
# kubectl only reads files here.
_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    A cluster that somebody else started.

    ``login`` is a kubeconfig with this one context: a later change of the context in the user's
    file must not send a restarted service to another cluster.
    """

    kubeconfig: str
    context: str
    address: str
    login: str

    def __repr__(self) -> str:
        return f"<Target {self.context} at {self.address}>"


def find_target(environment: Mapping[str, str]) -> Target | None:
    """
    Read the current context of KUBECONFIG; None without one: a cluster of our own is started.

    Raises:
        ClusterUnusable: It cannot be read.

    """
    kubeconfig = environment.get("KUBECONFIG", "").strip()
    if not kubeconfig:
        return None
    login = _minified(environment)
    config = json.loads(login)
    context = str(config.get("current-context") or "")
    clusters = config.get("clusters") or []
    address = str(((clusters[0] if clusters else {}).get("cluster") or {}).get("server") or "")
    if not context or not address:
        raise ClusterUnusable(
            f"KUBECONFIG={kubeconfig} has no current context with an address; choose one with"
            " `kubectl config use-context`, or unset KUBECONFIG to get a cluster of its own"
        )
    return Target(kubeconfig=kubeconfig, context=context, address=address, login=login)


def refuse_remote(target: Target, environment: Mapping[str, str]) -> None:
    """
    Refuse a cluster beyond this machine unless the user asked for it.

    Raises:
        ClusterUnusable: It is one, and nobody said that this is wanted.

    """
    if on_loopback(target.address) or environment.get(REMOTE, "").strip().lower() == "yes":
        return
    raise ClusterUnusable(
        f"the cluster {target.context} at {target.address} is not on this machine; `setpoint up`"
        f" would install definitions and the example there. Set {REMOTE}=yes if you want that, or"
        " unset KUBECONFIG to get a cluster of its own"
    )


def on_loopback(address: str) -> bool:
    """
    Say whether all that a URL's host stands for is this machine.
    """
    try:
        host = urlsplit(address).hostname or ""
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)} if host else set()
    except (OSError, ValueError):
        return False
    return bool(found) and all(ipaddress.ip_address(one).is_loopback for one in found)


def _minified(environment: Mapping[str, str]) -> str:
    program = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or "kubectl"
    command = [program, "config", "view", "--minify", "--flatten", "--raw", "--output=json"]
    try:
        done = subprocess.run(  # noqa: S603 - constants
            command,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise ClusterUnusable(
            f"KUBECONFIG={environment.get('KUBECONFIG')} cannot be read: {said}; correct it, or"
            " unset it to get a cluster of its own"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClusterUnusable(f"kubectl does not run ({error}); install the extra `up`") from error
    return done.stdout
