"""
The three services as processes of one machine: their settings, logs and addresses.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from cli.up.children import Child, dying_with_parent, start_child
from cli.up.errors import UpError
from cli.up.nats import NatsServer
from cli.up.state import State, is_port
from shared.bus.files import kept_map

SERVICES = ("source", "reconciler", "notifier")
# Seconds for a service to give its Lease back; what is left after that is killed.
SERVICE_STOP = 3.5
# Seconds from the start of a service to the file with its addresses: 1 to 2, more on busy machines.
ADDRESSES_TIMEOUT = 60.0
_LOOK = 0.05  # seconds between looks for that file
LOOPBACK_NETWORKS = "127.0.0.0/8 ::1/128"
_LOOPBACK_HOSTS = "127.0.0.1,localhost,::1"
NAMESPACE = "flux-system"


class Service:
    """
    One of the three services.
    """

    def __init__(self, name: str, state: State, environment: Mapping[str, str]) -> None:
        self.name = name
        self._environment = dict(environment)
        self._log = state.logs / f"{name}.log"
        self._addresses = state.data(name) / "addresses.json"
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """
        Return the process id.
        """
        return self._running.pid

    @property
    def _running(self) -> Child:
        if self._child is None:
            raise UpError(f"{self.name} is not started yet")
        return self._child

    async def start(self) -> None:
        """
        Start it; after its first start its log is continued.
        """
        self._addresses.parent.mkdir(parents=True, exist_ok=True)
        self._addresses.unlink(missing_ok=True)
        program, arguments = dying_with_parent(Path(sys.executable))
        self._child = await start_child(
            program,
            [*arguments, "-m", f"services.{self.name}"],
            self._log,
            environment=self._environment
            | {
                "SETPOINT_DATA_DIR": str(self._addresses.parent),
                "SETPOINT_ADDRESS_FILE": str(self._addresses),
            },
            append=self._child is not None,
        )

    async def addresses(self) -> dict[str, int]:
        """
        Return the ports it got, by what listens there.
        """
        try:
            async with asyncio.timeout(ADDRESSES_TIMEOUT):
                while not self._addresses.exists():  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            raise UpError(
                f"{self.name} did not start within {ADDRESSES_TIMEOUT:g} s; {self.quoted()}"
            ) from None
        found = kept_map(self._addresses)
        if found and all(map(is_port, found.values())):
            return dict(found)
        raise UpError(
            f"{self._addresses} was not written by {self.name}; remove it and start again"
        )

    def keep_receiver(self, port: int) -> None:
        """
        Take the Receivers' webhooks there, after each restart: whoever pokes knows this port.
        """
        self._environment["SETPOINT_RECEIVER_ADDR"] = f"127.0.0.1:{port}"

    async def wait(self) -> int:
        """
        Wait until it ends.
        """
        return await self._running.process.wait()

    async def stop(self) -> None:
        """
        Stop it.
        """
        if self._child is not None:
            await self._child.stop(SERVICE_STOP)

    def quoted(self) -> str:
        """
        Return the end of its log.
        """
        return Child.end_of(self._log)


def service_environment(
    name: str, nats: NatsServer, *, kubeconfig: Path, renderer: Path
) -> dict[str, str]:
    """
    Return what a service sees: what we see, with the settings of one machine.
    """
    given = os.environ
    return {
        **given,
        "KUBECONFIG": str(kubeconfig),
        # A proxy is for the world outside.
        "NO_PROXY": ",".join(filter(None, (given.get("NO_PROXY"), _LOOPBACK_HOSTS))),
        "no_proxy": ",".join(filter(None, (given.get("no_proxy"), _LOOPBACK_HOSTS))),
        "SETPOINT_NAMESPACE": NAMESPACE,
        "SETPOINT_NATS_URL": nats.address,
        "SETPOINT_NATS_USER": name,
        "SETPOINT_NATS_PASSWORD_FILE": str(nats.password_file(name)),
        "SETPOINT_HEALTH_ADDR": "127.0.0.1:0",
        "SETPOINT_METRICS_ADDR": "127.0.0.1:0",
        "SETPOINT_ALLOWED_CIDRS": (
            f"{given.get('SETPOINT_ALLOWED_CIDRS', '')} {LOOPBACK_NETWORKS}".strip()
        ),
        "SETPOINT_RENDERER": str(renderer),
    }
