"""
Reading settings from the environment: the only place of a service that does.

A setting is ``SETPOINT_<NAME>``; ``SETPOINT_<NAME>_FILE`` names a file that holds a secret one, and
is read when that is used: it may be replaced meanwhile.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shared.errors import StalledError

T = TypeVar("T")
PREFIX = "SETPOINT_"


@dataclass(frozen=True, slots=True)
class Address:
    """
    Where a server of ours listens; port 0 lets the system choose.
    """

    host: str
    port: int


def text(name: str, default: str = "") -> str:
    """
    Read a setting as text; empty counts as not given.
    """
    return os.environ.get(PREFIX + name, "").strip() or default


def parsed(name: str, parse: Callable[[str], T], default: T) -> T:
    """
    Read a setting through ``parse``.

    Raises:
        StalledError: The value does not parse; names the setting and the trouble.

    """
    given = text(name)
    if not given:
        return default
    try:
        return parse(given)
    except ValueError as exc:
        raise StalledError(
            f"setting {PREFIX}{name} is not valid: {exc}. Correct it and start again"
        ) from exc


def secret_file(name: str) -> Path | None:
    """
    Return the file that ``SETPOINT_<name>_FILE`` names; it is read where its secret is used.

    Raises:
        StalledError: The file cannot be read.

    """
    path = text(name + "_FILE")
    if not path:
        return None
    try:
        Path(path).read_bytes()
    except OSError as exc:
        raise StalledError(
            f"setting {PREFIX}{name}_FILE names {path}, which cannot be read: {exc.strerror}"
        ) from exc
    return Path(path)


def address(value: str) -> Address:
    """
    Parse ``host:port`` or ``:port``.

    Raises:
        ValueError: The port is no number from 0 to 65535.

    """
    host, _, port = value.rpartition(":")
    if not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the largest TCP port
        raise ValueError(f"{value!r} is not host:port")
    return Address(host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - deployed in a pod


def percentage(value: str) -> float:
    """
    Parse a percentage into a share.

    Raises:
        ValueError: It is not from 0 to 100.

    """
    number = float(value)
    if not 0 <= number <= 100:  # noqa: PLR2004 - percent
        raise ValueError(f"{value} is not a percentage")
    return number / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """
    The settings that all three services share.
    """

    cluster: str
    namespace: str
    data_dir: Path
    nats_url: str
    nats_user: str
    nats_password_file: Path | None
    kubeconfig: Path | None
    allowed_cidrs: tuple[str, ...]
    log_level: str
    health: Address
    metrics: Address
    address_file: Path | None

    @classmethod
    def from_environment(cls, service: str) -> "Common":
        """
        Read them; ``service`` is the default NATS user and names the data directory.

        Raises:
            StalledError: A setting is not valid.

        """
        kubeconfig = os.environ.get("KUBECONFIG", "").strip()
        address_file = text("ADDRESS_FILE")
        return cls(
            cluster=text("CLUSTER", "local"),
            namespace=text("NAMESPACE", "flux-system"),
            data_dir=Path(text("DATA_DIR", f"/var/lib/setpoint/{service}")),
            nats_url=text("NATS_URL", "nats://127.0.0.1:4222"),
            nats_user=text("NATS_USER", service),
            nats_password_file=secret_file("NATS_PASSWORD"),
            kubeconfig=Path(kubeconfig) if kubeconfig else None,
            allowed_cidrs=tuple(text("ALLOWED_CIDRS").replace(",", " ").split()),
            log_level=text("LOG_LEVEL", "info"),
            health=parsed("HEALTH_ADDR", address, address(":9440")),
            metrics=parsed("METRICS_ADDR", address, address(":8080")),
            address_file=Path(address_file) if address_file else None,
        )
