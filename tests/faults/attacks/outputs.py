"""
All that a running system lets others read: what it says, what it keeps, what it shows.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from shared.bus.streams import ARTIFACTS, RECEIPTS
from tests.faults.system import System
from tests.faults.system.services import ROOT
from tests.fixtures.cluster import Kubectl

Place = tuple[str, bytes]
# Where repositories are kept as they were committed, and Providers as they were declared.
_KINDS = "gitrepositories,kustomizations,providers,alerts,receivers,events,leases"
_COMMANDS = (
    ("events", "-A"),
    ("events", "-A", "-o", "json"),
    ("drift", "-A"),
    ("drift", "-A", "-o", "json"),
    ("get", "sources", "git", "-A"),
    ("get", "kustomizations", "-A"),
    ("deadletters", "list", "-A"),
)


def commands(system: System) -> dict[str, str]:
    """
    Return what the operator's program prints, by its arguments.
    """
    password = system.nats.server.password_file("cli").read_text().strip()
    environment = {
        "KUBECONFIG": str(system.cluster.kubeconfig),
        "PATH": os.environ["PATH"],
        "HOME": str(system.folder),
        "NATS_URL": f"nats://cli:{password}@127.0.0.1:{system.nats.server.port}",
        "COLUMNS": "400",
    }
    found = {}
    for words in _COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=False,
            timeout=60,
        )
        found[" ".join(words)] = (done.stdout + done.stderr).decode()
        for trouble in ("Traceback", "cannot be reached"):
            assert trouble not in found[" ".join(words)], found[" ".join(words)]
    return found


async def places(system: System) -> list[Place]:
    """
    Collect all of it but what is meant to hold secrets: Secrets, and commits as they were made.
    """
    found = [("delivery headers", repr(one.headers).encode()) for one in system.sinks.received]
    found += [(f"delivery to {one.sink}", one.raw) for one in system.sinks.received]
    for name, service in system.services.items():
        found.append((f"metrics of {name}", (await service.metrics()).encode()))
        found += _process(name, service.pid)
        found += [part for pid in service.children() for part in _process(name, pid)]
    found += await asyncio.to_thread(_stored, system.folder)
    printed = await asyncio.to_thread(commands, system)
    found += [(f"setpoint {words}", text.encode()) for words, text in printed.items()]
    found += await _streams(system)
    found += await asyncio.to_thread(_objects, system.cluster.kubeconfig)
    return found


def _process(name: str, pid: int) -> list[Place]:
    where = Path(f"/proc/{pid}")
    found = []
    for part in ("cmdline", "environ"):
        with contextlib.suppress(OSError):
            found.append((f"{part} of {name}", (where / part).read_bytes()))
    return found


def _stored(folder: Path) -> Iterator[Place]:
    """
    Yield the files of the services and of the bus, as they stand on the disk.
    """
    for part in ("logs", "data", "temp", "nats"):
        for path in (folder / part).rglob("*"):
            with contextlib.suppress(OSError):
                if path.is_file():
                    yield str(path.relative_to(folder)), path.read_bytes()


async def _streams(system: System) -> list[Place]:
    async with system.nats.connected() as bus:
        receipts = await bus.kv(RECEIPTS.name.removeprefix("KV_")).entries()
        assert ARTIFACTS.name, "what a commit holds is there, packed, and nowhere else"
        return [(f"receipt {key}", _plain(value)) for key, value in receipts.items()]


def _plain(value: bytes) -> bytes:
    try:
        return zlib.decompress(value, wbits=47)
    except zlib.error:
        return value


def _objects(kubeconfig: Path) -> Iterator[Place]:
    for item in Kubectl(kubeconfig).json("get", _KINDS, "-A")["items"]:
        if item["kind"] == "Provider":
            del item["spec"]  # an address in the declaration itself is its owner's word
        name = f"{item['kind']}/{item['metadata']['namespace']}/{item['metadata']['name']}"
        yield name, json.dumps(item).encode()
