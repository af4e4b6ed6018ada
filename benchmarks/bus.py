"""
An artifact through the bus: source stores it, the reconciler reads it, each in its own process.

Starts a NATS server as `setpoint up` does, synced always. Each side is measured in a process that
does nothing else, by the very adapters of the services: the source's copy on disk, the store and
its reading back; the reconciler's read, verified and written to its disk. Floors in the same run:
the same chunks onto the disk with a sync each, and to and from NATS by the bare client library.
"""

import argparse
import asyncio
import json
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog
from nats.aio.client import Client

from benchmarks.common.processes import usage
from benchmarks.common.report import say, table, write
from cli.up.nats import NatsServer
from services.reconciler.adapters.artifacts import BusArtifacts
from services.source.adapters.store import BusStore
from services.source.core.checkout import Checkout
from shared.bus import Bus, BusSettings, streams
from shared.bus.objects import CHUNK
from shared.model import Digest, Revision
from shared.runtime.clock import SystemClock

Json = dict[str, Any]
SIDES = ("disk", "publish", "fetch", "store", "bus_put", "read", "bus_get")
USERS = {"store": "source", "bus_put": "source", "read": "reconciler", "bus_get": "reconciler"}
LIMIT = 64 * 1024 * 1024
MEGABYTE = 1e6
REVISION = Revision.parse("main@sha1:" + 40 * "0")
INDEX = b"index"
SUBJECT = "$O.artifacts.C.bench"
WAIT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """
    What a process of its own is to measure.
    """

    side: str
    size: int
    rounds: int
    url: str
    user: str
    password_file: str
    folder: str


class Memory:
    """
    The most that this process held at once, beyond what it held at the beginning.
    """

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._before = usage(os.getpid()).memory

    def grown(self) -> float:
        return round(usage(os.getpid()).peak - self._before, 1)


def chunks(data: bytes) -> list[bytes]:
    return [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]


def made(size: int) -> bytes:
    # Packed files do not compress; none is like the one before.
    return os.urandom(size)


async def times(task: Task, prepare: Any, work: Callable[[Any], Awaitable[None]]) -> Json:
    """
    Repeat some work on data of its own, after one round that warms up.
    """
    seconds, grown, cpu = [], [], []
    for number in range(task.rounds + 1):
        given = await prepare()
        memory, begin = Memory(), time.perf_counter()
        used = time.process_time()
        await work(given)
        if number:
            seconds.append(time.perf_counter() - begin)
            cpu.append(time.process_time() - used)
            grown.append(memory.grown())
        del given
    return {
        "seconds": [round(one, 4) for one in seconds],
        "mb_s": round(task.size / MEGABYTE / statistics.median(seconds), 1),
        "cpu_ms_per_mb": round(1000 * statistics.median(cpu) / (task.size / MEGABYTE), 2),
        "grown_mb": max(grown),
    }


async def disk(task: Task) -> Json:
    """
    The chunks onto the disk, each with a sync, as the server does it.
    """
    path = Path(task.folder) / "raw"

    async def prepare() -> list[bytes]:
        path.unlink(missing_ok=True)
        return chunks(made(task.size))

    async def work(given: list[bytes]) -> None:
        with path.open("wb") as file:
            for one in given:
                file.write(one)
                file.flush()
                os.fsync(file.fileno())

    found = await times(task, prepare, work)
    path.unlink()
    return found


async def bare(task: Task) -> Json:
    """
    The chunks to or from the server with the client library and nothing else.
    """
    client = Client()
    with open(task.password_file) as file:  # noqa: ASYNC230,PTH123 - 48 bytes
        password = file.read().strip()
    await client.connect(task.url, user=task.user, password=password)

    async def publish(given: list[bytes]) -> None:
        for one in given:
            answer = json.loads((await client.request(SUBJECT, one, timeout=WAIT)).data)
            assert "error" not in answer, answer

    async def purge() -> list[bytes]:
        body = json.dumps({"filter": SUBJECT}).encode()
        await client.request("$JS.API.STREAM.PURGE.OBJ_artifacts", body, timeout=WAIT)
        return chunks(made(task.size))

    async def filled() -> None:
        await publish(await purge())

    async def fetch(_: None) -> None:
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox)
        left, at = task.size, 1
        while left:
            ask = {"next_by_subj": SUBJECT, "seq": at, "batch": 16, "max_bytes": 16 * CHUNK}
            direct = "$JS.API.DIRECT.GET.OBJ_artifacts"
            await client.publish(direct, json.dumps(ask).encode(), reply=inbox)
            while (message := await subscription.next_msg(WAIT)).data:
                left -= len(message.data)
                at = int(message.headers["Nats-Sequence"]) + 1
        await subscription.unsubscribe()

    try:
        if task.side == "publish":
            return await times(task, purge, publish)
        return await times(task, filled, fetch)
    finally:
        await purge()
        await client.close()


async def ours(task: Task) -> Json:
    """
    The services' own way; ``bus_put`` and ``bus_get`` are that without their copies on disk.
    """
    settings = BusSettings(
        url=task.url, user=task.user, password_file=Path(task.password_file), connect_wait=5
    )
    bus = await Bus.connect(settings)
    admin = await Bus.connect(_admin(task))
    try:
        match task.side:
            case "store" | "bus_put":
                return await _store(task, bus, admin)
            case _:
                return await _read(task, bus, admin)
    finally:
        await bus.close()
        await admin.close()


def _admin(task: Task) -> BusSettings:
    file = Path(task.password_file).with_name("admin")
    return BusSettings(url=task.url, user="admin", password_file=file, connect_wait=5)


async def _store(task: Task, bus: Bus, admin: Bus) -> Json:
    store = BusStore(bus.objects, Path(task.folder) / "source")
    last: list[Digest] = []

    async def prepare() -> Checkout:
        for digest in last:
            await admin.objects.delete(digest)
        data = made(task.size)
        last[:] = [Digest.of(data)]
        await store.keep(frozenset())
        return Checkout(
            revision=REVISION,
            subject="",
            files=1,
            digest=last[0],
            archive=data,
            index_digest=Digest.of(INDEX),
            index=INDEX,
        )

    async def work(checkout: Checkout) -> None:
        if task.side == "store":
            await store.put(checkout)
        else:
            await bus.objects.put(checkout.digest, checkout.archive)

    found = await times(task, prepare, work)
    await admin.objects.delete(last[0])
    await admin.objects.sweep()
    return found


async def _read(task: Task, bus: Bus, admin: Bus) -> Json:
    clock = SystemClock()
    folder = Path(task.folder) / "reconciler" / secrets.token_hex(4)
    artifacts = BusArtifacts(bus, folder, cluster="local", clock=clock)
    last: list[Digest] = []

    async def prepare() -> Digest:
        for digest in last:
            await admin.objects.delete(digest)
            (folder / f"{digest.hex}.tar.gz").unlink(missing_ok=True)
        await admin.objects.sweep()
        data = made(task.size)
        last[:] = [Digest.of(data)]
        await admin.objects.put(last[0], data)
        return last[0]

    async def work(digest: Digest) -> None:
        if task.side == "read":
            await artifacts.get(digest)
        else:
            await bus.objects.get(digest, limit=LIMIT)

    found = await times(task, prepare, work)
    await admin.objects.delete(last[0])
    await admin.objects.sweep()
    return found


def perform(task: Task) -> Json:
    match task.side:
        case "disk":
            return asyncio.run(disk(task))
        case "publish" | "fetch":
            return asyncio.run(bare(task))
        case _:
            return asyncio.run(ours(task))


async def alone(task: Task) -> Json:
    """
    Measure in a process of its own.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.bus",
        "--task",
        json.dumps(asdict(task)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"{task.side}: ended with {process.returncode}")
    return dict(json.loads(said))


async def measure(sizes: list[int], rounds: list[int]) -> Json:
    """
    Measure every side at every size, on one server.
    """
    result: Json = {"chunk": CHUNK, "runs": []}
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as name:
        folder = Path(name)
        server = await NatsServer.start(folder / "nats", report=say)
        try:
            source = await Bus.connect(
                BusSettings(
                    url=server.address,
                    user="source",
                    password_file=server.password_file("source"),
                    connect_wait=5,
                )
            )
            await source.declare(*streams.DECLARED_BY["source"])
            await source.close()
            for size, count in zip(sizes, rounds, strict=True):
                run: Json = {"megabytes": size, "rounds": count}
                for side in SIDES:
                    say(f"{size} MB, {side}")
                    user = USERS.get(side, "admin")
                    task = Task(
                        side=side,
                        size=int(size * MEGABYTE),
                        rounds=count,
                        url=server.address,
                        user=user,
                        password_file=str(server.password_file(user)),
                        folder=name,
                    )
                    before = usage(server.pid).cpu
                    run[side] = await alone(task)
                    run[side]["server_cpu"] = round(usage(server.pid).cpu - before, 2)
                result["runs"].append(run)
            result["server_peak_mb"] = round(usage(server.pid).peak, 1)
        finally:
            await server.stop()
    return result


WORDS = {
    "disk": "floor: disk, sync per chunk",
    "publish": "floor: bare client, publish",
    "fetch": "floor: bare client, fetch",
    "store": "source: store and read back",
    "bus_put": "  of it the bus",
    "read": "reconciler: read, verify, to disk",
    "bus_get": "  of it the bus",
}


def rows(run: Json) -> list[list[object]]:
    """
    Return the table.
    """
    found: list[list[object]] = [["", "MB/s", "CPU ms per MB", "grown MB"]]
    for side, words in WORDS.items():
        one = run[side]
        found.append([words, one["mb_s"], one["cpu_ms_per_mb"], one["grown_mb"]])
    return found


def main() -> None:
    """
    Measure, print the tables and write the file.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs="+", default=[1, 50], help="megabytes")
    parser.add_argument("--rounds", type=int, nargs="+", default=[40, 8])
    parser.add_argument("--task", help=argparse.SUPPRESS)
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    if given.task:
        print(json.dumps(perform(Task(**json.loads(given.task)))))
        return
    result = asyncio.run(measure(given.size, given.rounds))
    for run in result["runs"]:
        print(f"\n{run['megabytes']} MB, {run['rounds']} rounds")
        print(table(rows(run)), flush=True)
    write("bus", result)


if __name__ == "__main__":
    main()
