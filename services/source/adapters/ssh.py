"""
ssh to one origin: the system's client with a key, known hosts and nothing of the user's own.
"""

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from shared.errors import TransientError

FAILED = "AuthenticationFailed"
_DEFAULT_PORT = 22
_ASKPASS = '#!/bin/sh\nexec cat "${0%/*}/passphrase"\n'


def command(host: str, port: int, address: str, secrets: Mapping[str, str], where: Path) -> str:
    """
    Write the key files into ``where`` and return the command line of ssh.

    The address is dialled, the host's key is looked up under its name: a name server cannot send
    us elsewhere between check and connect.

    Raises:
        TransientError: There is no ssh on this machine.

    """
    program = shutil.which("ssh")
    if program is None:
        raise TransientError(
            "the program ssh is not installed where the source service runs; install the OpenSSH "
            "client or use an https URL",
            reason="GitOperationFailed",
        )
    _write(where / "identity", secrets["identity"])
    _write(where / "known_hosts", secrets["known_hosts"])
    _answer_passphrase(secrets.get("passphrase", ""), where)
    alias = host if port == _DEFAULT_PORT else f"[{host}]:{port}"
    options = {
        "HostName": address,
        "HostKeyAlias": alias,
        "IdentityFile": str(where / "identity"),
        "UserKnownHostsFile": str(where / "known_hosts"),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "CheckHostIP": "no",
        "UpdateHostKeys": "no",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "NumberOfPasswordPrompts": "1",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "3",
        "ForwardAgent": "no",
        "ClearAllForwardings": "yes",
        "PermitLocalCommand": "no",
        "ControlMaster": "no",
        "ControlPath": "none",
        "LogLevel": "ERROR",
    }
    words = [program, "-F", "/dev/null"]
    for name, value in options.items():
        words += ["-o", f"{name}={value}"]
    return shlex.join(words)


def _answer_passphrase(passphrase: str, where: Path) -> None:
    # Without an answer ssh would ask a terminal; the worker has none, so it fails at once.
    _write(where / "passphrase", passphrase)
    _write(where / "askpass", _ASKPASS, mode=0o700)
    os.environ["SSH_ASKPASS"] = str(where / "askpass")
    os.environ["SSH_ASKPASS_REQUIRE"] = "force"


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
