"""
Many Kustomizations of four objects each, from one repository: install, change of all, restart.

Starts a system of its own with `setpoint up`. First a bare client applies the same objects: that is
the floor of this ground. Then N Kustomizations are declared, all of one path, each with a name
suffix of its own; they are Ready when a watch of this program sees it. Then one commit changes the
Deployment of all, a quiet pass of each is asked for, and the reconciler is killed: once with its
receipts, once with NATS wiped.

At the end the bare client applies the sets once more, with the writes to a stand-in for each
Kustomization in between: the floor of the API itself.

With `wait: false` nobody waits for a rollout: the floor is then the bare client until all is
applied.
With `--unmanaged`, objects that nobody declares come in before the quiet pass, and stay.
"""

import argparse
import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from benchmarks.common.crowd import crowd
from benchmarks.common.floor import PARALLEL, apply_all, floor
from benchmarks.common.kustomizations import GROUP, declaration, namespace, ready
from benchmarks.common.processes import Meter, Usage, received, usage, workers
from benchmarks.common.report import say, table, write
from benchmarks.common.requests import counted
from benchmarks.common.sets import KINDS, files
from benchmarks.common.stand_in import floor_of_writes
from benchmarks.common.system import System, running
from benchmarks.common.watched import Watched

NAMESPACE = "many"
SETTLE = 3.0  # seconds for what comes last: Kubernetes Events, deliveries
STEPS = ("install", "change", "unmanaged", "quiet", "restart", "restart_wiped")
REQUESTED = "reconcile.fluxcd.io/requestedAt"
Json = dict[str, Any]


class Many:
    """
    One run.
    """

    def __init__(self, system: System, count: int, *, wait: bool, unmanaged: int) -> None:
        self.system, self.kube = system, system.kube
        self.names = [f"k{number:04}" for number in range(count)]
        self.wait, self.unmanaged = wait, unmanaged
        self.result: Json = {"count": count, "wait": wait, "unmanaged_objects": unmanaged}

    async def run(self) -> Json:
        await apply_all(self.kube, [namespace("floor"), namespace(NAMESPACE)])
        kind = await self.kube.resource(GROUP, "Kustomization")
        self.watched = Watched(self.kube, kind, NAMESPACE)
        self.kind = kind
        await self.system.commit(files("many", "v1"))
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self.watched.follow())
            await self._floors()
            await self._step("install", self._install())
            await self._step("change", self._change())
            if self.unmanaged:
                await self._step("unmanaged", self._crowded())
            await self._step("quiet", self._quiet())
            await self._step("restart", self._restart(wipe=False))
            await self._step("restart_wiped", self._restart(wipe=True))
            await self._floor_of_writes()
            following.cancel()
        return self.result

    async def _floors(self) -> None:
        for name, tag in (("floor_install", "v1"), ("floor_change", "v2")):
            say(f"{name}: a bare client, {len(self.names)} sets")
            meter = Meter(self.system)
            applied, done = await floor(self.kube, "floor", self.names, tag)
            self.result[name] = {
                "applied": round(applied, 2),
                "seconds": round(done, 2),
                "usage": {part: asdict(one) for part, one in meter.read().items()},
            }
            await asyncio.sleep(SETTLE)

    async def _floor_of_writes(self) -> None:
        say("floor_writes: a bare client that also writes what Kustomizations are made of")
        space, like = "floor-writes", self.watched.seen[self.names[0]]
        await apply_all(self.kube, [namespace(space)])
        seconds = await floor_of_writes(self.kube, space, self.names, like, wait=self.wait)
        self.result["floor_writes"] = {"seconds": round(seconds, 2)}

    async def _step(self, name: str, work: Awaitable[Json]) -> None:
        say(name)
        meter = Meter(self.system)
        before = await counted(self.system.kubeconfig)
        found = await work
        used = meter.read()
        await asyncio.sleep(SETTLE)
        after = await counted(self.system.kubeconfig)
        self.result[name] = found | {
            "usage": {part: asdict(one) for part, one in used.items()},
            "requests": dict((after - before).most_common(12)),
        }
        self._summed(name, used)

    def _summed(self, name: str, used: dict[str, Usage]) -> None:
        reconciler = used["reconciler"]
        self.result[name] |= {
            "cpu_ms_each": round(1000 * reconciler.cpu / len(self.names), 1),
            "memory": reconciler.memory,
            "workers_memory": workers(used, "reconciler").memory,
        }

    async def _install(self) -> Json:
        begin = time.monotonic()
        declared = [
            declaration(name, NAMESPACE, "./many", wait=self.wait, suffix=f"-{name}")
            for name in self.names
        ]
        await apply_all(self.kube, declared, manager="bench")
        created = time.monotonic() - begin
        await self.watched.until(self.names, ready)
        return {"created": round(created, 2), "seconds": round(time.monotonic() - begin, 2)}

    async def _change(self) -> Json:
        await self.system.commit(files("many", "v2"), push=False)
        head = self.system.head
        begin = time.monotonic()
        await self.system.git("push", "--quiet")
        pushed = time.monotonic() - begin
        await self.watched.until(self.names, lambda one: ready(one, head))
        return {"pushed": round(pushed, 2), "seconds": round(time.monotonic() - begin, 2)}

    async def _crowded(self) -> Json:
        """
        Add what nobody declares, half of it where our objects are; say what of it came to us.
        """
        pid = self.system.pid("reconciler")
        begin, came, before = time.monotonic(), received(pid), usage(pid).memory
        await apply_all(self.kube, list(crowd(self.unmanaged, ("floor", NAMESPACE))))
        seconds = time.monotonic() - begin
        return {
            "seconds": round(seconds, 2),
            "memory_before": round(before, 1),
            "bytes_received": received(pid) - came,
        }

    async def _quiet(self) -> Json:
        before = await self._versions()
        begin = time.monotonic()
        await self._answered(await self._ask())
        seconds = time.monotonic() - begin
        return {"seconds": round(seconds, 2), "objects_changed": await self._changed(before)}

    async def _restart(self, *, wipe: bool) -> Json:
        before = await self._versions()
        pid = self.system.pid("reconciler")
        os.kill(pid, signal.SIGSTOP)
        if wipe:
            await self._wipe_nats()
        token = await self._ask()
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        await self.system.started_again("reconciler", pid)
        started = time.monotonic()
        await self._answered(token, left=len(self.names) - 1)
        useful = time.monotonic() - started
        await self._answered(token)
        seconds = time.monotonic() - started
        return {
            "away": round(started - begin, 2),
            "useful": round(useful, 2),
            "seconds": round(seconds, 2),
            "objects_changed": await self._changed(before),
        }

    async def _wipe_nats(self) -> None:
        pid = self.system.pid("nats")
        os.kill(pid, signal.SIGSTOP)
        shutil.rmtree(self.system.home / ".setpoint" / "data" / "nats" / "jetstream")
        os.kill(pid, signal.SIGKILL)
        await self.system.started_again("nats", pid)

    async def _ask(self) -> str:
        """
        Ask all for a pass, as `setpoint reconcile` does, and return the token.
        """
        token = str(time.time())
        patch = {"metadata": {"annotations": {REQUESTED: token}}}
        waiting = iter(self.names)

        async def work() -> None:
            for name in waiting:
                await self.kube.merge_patch(self.kind, NAMESPACE, name, patch, manager="bench")

        async with asyncio.TaskGroup() as group:
            for _ in range(PARALLEL):
                group.create_task(work())
        return token

    async def _answered(self, token: str, *, left: int = 0) -> None:
        def holds(one: Json) -> bool:
            return bool(one.get("status", {}).get("lastHandledReconcileAt") == token)

        await self.watched.until(self.names, holds, left=left)

    async def _versions(self) -> dict[str, str]:
        found = {}
        for group, kind in KINDS:
            resource = await self.kube.resource(group, kind)
            listed = await self.kube.list(resource, namespace=NAMESPACE, metadata_only=True)
            for one in listed.items:
                meta = one["metadata"]
                if "kustomize.toolkit.fluxcd.io/name" in meta.get("labels", {}):
                    found[f"{kind}/{meta['name']}"] = meta["resourceVersion"]
        return found

    async def _changed(self, before: dict[str, str]) -> int:
        after = await self._versions()
        return sum(before.get(key) != after.get(key) for key in before.keys() | after.keys())


def rows(result: Json) -> list[list[object]]:
    """
    Return the table.
    """
    found: list[list[object]] = [
        ["", "seconds", "floor", "times", "CPU ms each", "reconciler MB", "workers MB", "changed"]
    ]
    bar = "seconds" if result["wait"] else "applied"
    for name in STEPS:
        if name not in result:
            continue
        one = result[name]
        low = result.get(f"floor_{name}", {}).get(bar, "")
        times = f"{one['seconds'] / low:.2f}" if low else ""
        figures = [one["cpu_ms_each"], one["memory"], one["workers_memory"]]
        found.append([name, one["seconds"], low, times, *figures, one.get("objects_changed", "")])
    if "floor_writes" in result:
        taken, low = result["install"]["seconds"], result["floor_writes"]["seconds"]
        times = f"{taken / low:.2f}"
        found.append(["install, writes in the floor", taken, low, times, "", "", "", ""])
    return found


async def measure(count: int, *, wait: bool, unmanaged: int) -> Json:
    """
    Start a system and measure everything on it.
    """
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        async with running(Path(folder)) as system:
            return await Many(system, count, wait=wait, unmanaged=unmanaged).run()


def main() -> None:
    """
    Measure, print the tables and write the file.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, nargs="+", default=[100, 500, 1000])
    parser.add_argument("--no-wait", action="store_true", help="declare `wait: false`")
    parser.add_argument("--unmanaged", type=int, default=0, help="objects that nobody declares")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    found = []
    for count in given.count:
        work = measure(count, wait=not given.no_wait, unmanaged=given.unmanaged)
        result = asyncio.run(work)
        found.append(result)
        print(f"\n{count} Kustomizations, wait: {str(result['wait']).lower()}")
        print(table(rows(result)), flush=True)
        if given.unmanaged:
            crowded = result["unmanaged"]
            print(
                f"{result['unmanaged_objects']} unmanaged objects: the reconciler received "
                f"{crowded['bytes_received']} bytes and had {crowded['memory_before']} MB before"
            )
        name = "many-no-wait" if given.no_wait else "many"
        write(f"{name}-unmanaged" if given.unmanaged else name, {"runs": found})


if __name__ == "__main__":
    main()
