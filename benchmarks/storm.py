"""
Many different objects changed at once: are all healed, and does anything grow without bound?

Starts a system of its own with `setpoint up` and declares Kustomizations of ConfigMaps. First a
bare client edits as many ConfigMaps that nobody manages: that is what this machine can do. Then it
edits those that are managed, each once, spread over the given seconds, or as fast as it can where
that is slower. Meanwhile one commit changes an object of another Kustomization. The memory of the
reconciler, its outbox and the streams are sampled until all is healed and told. What is not within
a time is counted and named, and the other figures stand.
"""

import argparse
import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog
import yaml

from benchmarks.common.floor import PARALLEL, apply_all
from benchmarks.common.kustomizations import GROUP, declaration, namespace, ready
from benchmarks.common.processes import Meter, usage
from benchmarks.common.report import say, table, write
from benchmarks.common.system import System, running
from benchmarks.common.told import bus_of, drifts, sizes
from benchmarks.common.watched import Watched, version
from shared.bus import Bus

NAMESPACE, BARE = "storm", "bare"
STREAMS = ("EVENTS", "DELIVERIES")
DECLARED, BY_HAND = "declared", "by hand"
SAMPLE = 1.0  # seconds
REST = 60.0  # seconds without news, after which what was not told counts as lost
SETTLE = 3.0
Json = dict[str, Any]


def config(name: str, value: str, space: str = "") -> Json:
    meta = {"name": name} | ({"namespace": space} if space else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"value": value}}


def value_of(one: Json) -> str:
    return str(one.get("data", {}).get("value", ""))


class Storm:
    """
    One run.
    """

    def __init__(self, system: System, bus: Bus, sets: int, each: int, latest: float) -> None:
        self.system, self.kube, self.bus = system, system.kube, bus
        self.latest = latest
        self.sets = {
            f"s{number:03}": [f"s{number:03}-{n:03}" for n in range(each)] for number in range(sets)
        }
        # One object of each set in turn: a storm comes from everywhere.
        self.names = [name for some in zip(*self.sets.values(), strict=True) for name in some]
        self.healed: dict[str, float] = {}
        self.samples: list[Json] = []
        self.result: Json = {"objects": len(self.names), "kustomizations": sets}

    async def run(self, seconds: float) -> Json:
        await apply_all(self.kube, [namespace(one) for one in (NAMESPACE, BARE)])
        self.kind = await self.kube.resource("", "ConfigMap")
        self.watched = Watched(self.kube, self.kind, NAMESPACE)
        kustomizations = await self.kube.resource(GROUP, "Kustomization")
        self.kustomizations = Watched(self.kube, kustomizations, "flux-system")
        async with asyncio.TaskGroup() as group:
            following = [
                group.create_task(one.follow()) for one in (self.watched, self.kustomizations)
            ]
            await self._bare()
            await self._declare()
            say(f"{len(self.names)} edits")
            sampling = group.create_task(self._sample())
            meter = Meter(self.system)
            await self._storm(seconds)
            used = meter.read()
            await asyncio.sleep(SETTLE)
            for task in (*following, sampling):
                task.cancel()
        cpu = used["reconciler"].cpu
        self.result |= {
            "cpu_ms_each": round(1000 * cpu / len(self.names), 2),
            "usage": {part: asdict(one) for part, one in used.items()},
            "samples": self.samples,
        }
        return self.result

    async def _bare(self) -> None:
        await apply_all(self.kube, [config(one, DECLARED, BARE) for one in self.names])
        say(f"a bare client: {len(self.names)} edits")
        self.result["bare_seconds"] = round(await self._edit(BARE, 0.0), 2)

    async def _declare(self) -> None:
        files = {
            f"storm/{name}/objects.yaml": yaml.safe_dump_all(
                [config(one, DECLARED) for one in some]
            )
            for name, some in self.sets.items()
        }
        await self.system.commit(files | self._other("v0"))
        names = [*self.sets, "other"]
        declared = [
            declaration(one, "flux-system", f"./storm/{one}", target=NAMESPACE) for one in names
        ]
        await apply_all(self.kube, declared, manager="bench")
        head = self.system.head
        await self.kustomizations.until(names, lambda one: ready(one, head))
        await self.watched.until(self.names, lambda one: value_of(one) == DECLARED)
        await asyncio.sleep(SETTLE)

    def _other(self, value: str) -> dict[str, str]:
        return {"storm/other/objects.yaml": yaml.safe_dump(config("other", value))}

    async def _storm(self, seconds: float) -> None:
        state = await self.bus.state("EVENTS")
        after = int(state.get("last_seq", 0))
        self.begin = time.monotonic()
        async with asyncio.TaskGroup() as group:
            pushing = group.create_task(self._commit(seconds / 2))
            edited = await self._edit(NAMESPACE, seconds, group)
        healed = max(self.healed.values(), default=self.begin) - self.begin
        applied = pushing.result()
        self.result |= {
            "edits_seconds": round(edited, 2),
            "push_to_applied_seconds": None if applied is None else round(applied, 2),
            "healed": len(self.healed),
            "not_healed": [name for name in self.names if name not in self.healed],
            "healed_seconds": round(healed, 2),
            "reverts_per_second": round(len(self.healed) / max(healed, 0.001), 1),
            **await self._told(after),
            "told_seconds": round(time.monotonic() - self.begin, 2),
        }

    async def _commit(self, wait: float) -> float | None:
        """
        Return the seconds from a push to its object; None if it is not applied.
        """
        await asyncio.sleep(wait)
        await self.system.commit(self._other("v1"), push=False)
        begin = time.monotonic()
        await self.system.git("push", "--quiet")
        try:
            async with asyncio.timeout(self.latest):
                return await self.watched.when("other", lambda one: value_of(one) == "v1") - begin
        except TimeoutError:
            return None

    async def _edit(
        self, space: str, seconds: float, group: asyncio.TaskGroup | None = None
    ) -> float:
        """
        Edit each object once; with a group, note there when it is healed.
        """
        begin, every = time.monotonic(), seconds / len(self.names)
        waiting = enumerate(self.names)

        async def work() -> None:
            for number, name in waiting:
                await asyncio.sleep(max(0.0, begin + number * every - time.monotonic()))
                patch: Json = {"data": {"value": BY_HAND}}
                done = await self.kube.merge_patch(
                    self.kind, space, name, patch, manager="somebody"
                )
                if group is not None:
                    group.create_task(self._heal(name, version(done)))

        async with asyncio.TaskGroup() as workers:
            for _ in range(PARALLEL):
                workers.create_task(work())
        return time.monotonic() - begin

    async def _heal(self, name: str, after: int) -> None:
        def holds(one: Json) -> bool:
            return value_of(one) == DECLARED and version(one) > after

        with contextlib.suppress(TimeoutError):  # what is missing is reported
            async with asyncio.timeout(self.latest):
                self.healed[name] = await self.watched.when(name, holds)

    async def _told(self, after: int) -> Json:
        """
        Return what was told, when all is and the deliveries are gone, or when it has come to rest.
        """
        wanted, state, since = set(self.names), (-1, -1), time.monotonic()
        while True:
            told = [one.object for one in await drifts(self.bus, after=after)]
            names = [name for name in (one.rpartition("/")[2] for one in told) if name in wanted]
            left, _ = (await sizes(self.bus, "DELIVERIES"))["DELIVERIES"]
            silent = wanted.difference(names)
            if (len(names), left) != state:
                state, since = (len(names), left), time.monotonic()
            if not (silent or left) or time.monotonic() - since > REST:
                return {"told": len(names), "not_told": sorted(silent), "not_delivered": left}
            await asyncio.sleep(SAMPLE)

    async def _sample(self) -> None:
        outbox = self.system.home / ".setpoint" / "data" / "reconciler" / "outbox"
        pids = {name: self.system.pid(name) for name in ("reconciler", "notifier", "nats")}
        for _ in itertools.count():
            streams = await sizes(self.bus, *STREAMS)
            self.samples.append(
                {
                    "at": round(time.monotonic() - getattr(self, "begin", time.monotonic()), 1),
                    "healed": len(self.healed),
                    "outbox_bytes": outbox.stat().st_size if outbox.exists() else 0,
                    **{f"{name}_mb": round(usage(pid).memory, 1) for name, pid in pids.items()},
                    **{f"{name.lower()}_messages": count for name, (count, _) in streams.items()},
                }
            )
            await asyncio.sleep(SAMPLE)


async def measure(sets: int, each: int, seconds: float, latest: float) -> Json:
    """
    Start a system and measure on it.
    """
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as home:
        async with running(Path(home)) as system, bus_of(system) as bus:
            return await Storm(system, bus, sets, each, latest).run(seconds)


def rows(samples: Sequence[Json]) -> list[list[object]]:
    """
    Return the table of samples: some twenty of them.
    """
    keys = list(samples[0])
    step = max(1, len(samples) // 20)
    return [keys, *([one[key] for key in keys] for one in samples[::step])]


def main() -> None:
    """
    Measure, print the table and write the file.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=50, help="Kustomizations")
    parser.add_argument("--each", type=int, default=100, help="objects of each")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument(
        "--latest", type=float, default=300.0, help="seconds after which an object counts as lost"
    )
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    result = asyncio.run(measure(given.sets, given.each, given.seconds, given.latest))
    print(table(rows(result["samples"])))
    for key, value in result.items():
        if key not in {"samples", "usage"}:
            text = f"{len(value)} {value[:20] or ''}" if isinstance(value, list) else value
            print(f"{key.replace('_', ' ')}: {text}")
    write("storm", result)


if __name__ == "__main__":
    main()
