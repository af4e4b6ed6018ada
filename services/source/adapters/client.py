"""
The library's client for one origin, and a bound on what that says beside its files.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3.util
from dulwich.client import (
    GitClient,
    HttpGitClient,
    SSHGitClient,
    SubprocessSSHVendor,
    SubprocessWrapper,
)

from services.source.adapters import ssh
from services.source.adapters.job import Job
from services.source.adapters.pool import OriginPool
from services.source.core.reference import FAILED
from shared.errors import TransientError

# Bytes: some two hundred thousand branches and tags. The library keeps three times as much.
TALK_LIMIT = 12 * 1024 * 1024


class Talk:
    """
    What an origin has said in one job beside its packs: lists of refs, progress.

    A list has no end that anybody must believe in, and the library keeps all of it.
    """

    def __init__(self) -> None:
        self._bytes = 0

    def hear(self, count: int, direction: str = "read") -> None:
        """
        Count what came from the origin.

        Raises:
            TransientError: It is too much.

        """
        if direction == "read":
            self._bytes += count
        if self._bytes > TALK_LIMIT:
            raise TransientError(
                f"the repository lists more than {TALK_LIMIT >> 20} MiB of branches and tags; "
                "delete those that nobody needs, or declare a smaller repository",
                reason=FAILED,
            )

    def spare(self, count: int) -> None:
        """
        Take out what was part of a pack, which has a limit of its own.
        """
        self._bytes = max(0, self._bytes - count)


class _Ssh(SubprocessWrapper):
    """
    A conversation by ssh with somebody who may go on talking.
    """

    def __init__(self, found: SubprocessWrapper) -> None:
        # Not by the base: a second buffer on the pipe would take what belongs to the first.
        self.proc, self.read, self.write = found.proc, found.read, found.write

    def close(self, timeout: int | None = 60) -> None:
        # All that we want was read, and ssh would stay until the other side has said all.
        self.proc.terminate()
        super().close(timeout)


class _Vendor(SubprocessSSHVendor):
    def run_command(self, *args: Any, **kw: Any) -> SubprocessWrapper:
        return _Ssh(super().run_command(*args, **kw))


def connect(job: Job, talk: Talk) -> tuple[GitClient, str]:
    """
    Return the client and the path of the repository.
    """
    secrets = job.credentials
    if job.scheme == "ssh":
        line = ssh.command(job.host, job.port, job.addresses[0], secrets, Path(job.where))
        client: GitClient = SSHGitClient(
            job.host,
            port=job.port,
            username=job.user,
            vendor=_Vendor(),
            ssh_command=line,
            thin_packs=False,
            report_activity=talk.hear,
        )
        return client, job.path
    pool = OriginPool(job.origin, job.addresses, _headers(secrets), talk.hear, **_tls(job))
    # Type and origin are the pool's business; the client must not build one of its own.
    http = HttpGitClient(job.origin + "/", pool_manager=pool, thin_packs=False, quiet=True)
    return http, job.path


def _headers(secrets: Mapping[str, str]) -> dict[str, str]:
    headers = {"User-Agent": "git/2.0 (setpoint)"}
    if secrets.get("username"):
        # The library would encode as latin-1; the field's servers read UTF-8.
        pair = f"{secrets['username']}:{secrets['password']}".encode().decode("latin-1")
        made = urllib3.util.make_headers(basic_auth=pair)
        headers["Authorization"] = made["authorization"]
    elif secrets.get("bearer"):
        headers["Authorization"] = f"Bearer {secrets['bearer']}"
    return headers


def _tls(job: Job) -> dict[str, Any]:
    found: dict[str, Any] = {"cert_reqs": "CERT_REQUIRED"}
    if job.credentials.get("ca"):
        found["ca_cert_data"] = job.credentials["ca"]
    if job.credentials.get("certificate"):
        for option, name in (("cert_file", "certificate"), ("key_file", "key")):
            file = Path(job.where) / name
            file.touch(mode=0o600)
            file.write_text(job.credentials[name], encoding="utf-8")
            found[option] = str(file)
    return found
