"""
How long a push takes to be in the cluster, drift to be reverted, and what a quiet pass asks for.

Starts a system of its own with `setpoint up`, prints one table and writes results/latency.json.
The clock of a push starts before `git push`, that of drift before the request that causes it; both
end when a watch of this program sees the object. A push is told of by the Receiver; for as many
others the source is one that nobody tells of a push: it looks in an interval of its own.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import structlog
import yaml

from benchmarks.common.floor import apply_all
from benchmarks.common.kustomizations import GROUP, declaration, ready
from benchmarks.common.report import say, summary, table, write
from benchmarks.common.requests import about_managed, by_agent
from benchmarks.common.system import System, running
from benchmarks.common.watched import Watched, version

KUSTOMIZATIONS = ("example", "infrastructure", "apps-staging", "apps-production")
# A Receiver causes one look per source in 5 s: pushes that follow each other faster wait for it.
BETWEEN_PUSHES = 5.5
BETWEEN_EDITS = 0.3
WAIT = 60.0  # seconds until something counts as lost
SETTLE = 3.0
NAMESPACE = "staging"
STAGING = "apps/staging"
POLLED = "polled"  # the source without a hook, its Kustomization, path and object
SEED = 4711
Json = dict[str, Any]


def config(name: str, value: str) -> Json:
    meta = {"name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"value": value}}


def value_of(one: Json) -> str:
    return str(one.get("data", {}).get("value", ""))


class Bench:
    """
    A running system and a watch of the objects that are measured.
    """

    def __init__(self, system: System, interval: float) -> None:
        self.system, self.kube, self.interval = system, system.kube, interval
        self.jitter = random.Random(SEED)

    async def run(self, commits: int, polled: int, edits: int) -> Json:
        self.kind = await self.kube.resource("", "ConfigMap")
        kustomizations = await self.kube.resource(GROUP, "Kustomization")
        self.configmaps = Watched(self.kube, self.kind, NAMESPACE)
        self.kustomizations = Watched(self.kube, kustomizations, "flux-system")
        names = [f"drifted-{number}" for number in range(edits)]
        async with asyncio.TaskGroup() as group:
            watched = (self.configmaps, self.kustomizations)
            following = [group.create_task(one.follow()) for one in watched]
            await self._prepare(names)
            say(f"{commits} pushes with a Receiver")
            told, series = await self._pushes(commits, "pushed", STAGING)
            say(f"{edits} edits")
            reverted = await self._edits(names)
            say("one pass that changes nothing")
            quiet = await self._quiet()
            say(f"{polled} pushes that are found by a look each {self.interval:g} s")
            found, _ = await self._polled(polled)
            for task in following:
                task.cancel()
        return {
            "ready_seconds": round(self.system.ready_seconds, 2),
            "interval_seconds": self.interval,
            "push_to_applied": summary(told),
            "push_series_ms": series,
            "push_to_applied_polled": summary(found),
            "drift_to_reverted": summary(reverted),
            "quiet_pass": {"managed_objects": about_managed(quiet), "all_requests": dict(quiet)},
        }

    async def _prepare(self, names: list[str]) -> None:
        """
        Push the objects that are edited: each once, since many edits of one object are a fight.
        """
        listed = (self.system.work / STAGING / "kustomization.yaml").read_text()
        files = "- ../base\n  - pushed.yaml\n  - drifted.yaml"
        await self.system.commit(
            {
                f"{STAGING}/kustomization.yaml": listed.replace("- ../base", files),
                f"{STAGING}/pushed.yaml": yaml.safe_dump(config("pushed", "first")),
                f"{STAGING}/drifted.yaml": yaml.safe_dump_all(
                    [config(name, "declared") for name in names]
                ),
                f"{POLLED}/{POLLED}.yaml": yaml.safe_dump(config(POLLED, "first")),
            }
        )
        for name in names:
            await self._seen(name, "declared")

    async def _seen(self, name: str, value: str, after: int = 0) -> float:
        def holds(one: Json) -> bool:
            return value_of(one) == value and version(one) > after

        async with asyncio.timeout(WAIT):
            return await self.configmaps.when(name, holds)

    async def _pushes(
        self, count: int, name: str, folder: str, spread: float = 0.0
    ) -> tuple[list[float], list[list[int]]]:
        """
        Push so many times; return the seconds, and of each push when git ended and all was done.
        """
        taken, series = [], []
        for number in range(count):
            # Where the source looks in an interval, pushes must not keep step with it.
            await asyncio.sleep(BETWEEN_PUSHES + self.jitter.uniform(0, spread))
            text = yaml.safe_dump(config(name, str(number)))
            await self.system.commit({f"{folder}/{name}.yaml": text}, push=False)
            begin = time.monotonic()
            await self.system.git("push", "--quiet")
            pushed = time.monotonic() - begin
            taken.append(await self._seen(name, str(number)) - begin)
            series.append([round(1000 * pushed), round(1000 * taken[-1])])
        return taken, series

    async def _polled(self, count: int) -> tuple[list[float], list[list[int]]]:
        source = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": POLLED, "namespace": "flux-system"},
            "spec": {
                "url": self.system.env["GIT_URL"],
                "interval": f"{self.interval:g}s",
                "ref": {"branch": "main"},
            },
        }
        declared = declaration(
            POLLED, "flux-system", f"./{POLLED}", target=NAMESPACE, source=POLLED
        )
        await apply_all(self.kube, [source, declared], manager="bench")
        await self._seen(POLLED, "first")
        return await self._pushes(count, POLLED, POLLED, self.interval)

    async def _edits(self, names: list[str]) -> list[float]:
        taken = []
        for name in names:
            await asyncio.sleep(BETWEEN_EDITS)
            patch: Json = {"data": {"value": "by hand"}}
            begin = time.monotonic()
            edited = await self.kube.merge_patch(
                self.kind, NAMESPACE, name, patch, manager="somebody"
            )
            taken.append(await self._seen(name, "declared", version(edited)) - begin)
        return taken

    async def _quiet(self) -> Counter[str]:
        """
        Ask every Kustomization for a pass and count the requests of the reconciler meanwhile.
        """
        head, kind = self.system.head, await self.kube.resource(GROUP, "Kustomization")
        await self.kustomizations.until(KUSTOMIZATIONS, lambda one: ready(one, head))
        await asyncio.sleep(BETWEEN_PUSHES)
        log = self.system.logs / "audit.log"
        offset, token = log.stat().st_size, str(time.time())
        patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}}
        for name in KUSTOMIZATIONS:
            await self.kube.merge_patch(kind, "flux-system", name, patch, manager="bench")

        def handled(one: Json) -> bool:
            return bool(one.get("status", {}).get("lastHandledReconcileAt") == token)

        await self.kustomizations.until(KUSTOMIZATIONS, handled)
        await asyncio.sleep(SETTLE)
        return by_agent(log, offset)


async def measure(commits: int, polled: int, edits: int, interval: float) -> Json:
    """
    Start a system and measure everything on it.
    """
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as home:
        async with running(Path(home), audit=True) as system:
            return await Bench(system, interval).run(commits, polled, edits)


def rows(result: Json) -> list[list[object]]:
    """
    Return the table.
    """
    found: list[list[object]] = [["", "n", "p50 ms", "p99 ms", "max ms"]]
    for text, key in (
        ("push -> applied, Receiver", "push_to_applied"),
        (f"push -> applied, each {result['interval_seconds']:g} s", "push_to_applied_polled"),
        ("drift -> reverted", "drift_to_reverted"),
    ):
        one = result[key]
        found.append([text, *(one[part] for part in ("n", "p50_ms", "p99_ms", "max_ms"))])
    return found


def main() -> None:
    """
    Measure, print the table and write the file.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=20, help="pushes with a Receiver")
    parser.add_argument("--polled", type=int, default=10, help="pushes without")
    parser.add_argument("--edits", type=int, default=50)
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between two looks")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    result = asyncio.run(measure(given.commits, given.polled, given.edits, given.interval))
    print(table(rows(result)))
    quiet = result["quiet_pass"]["managed_objects"]
    print(f"requests about managed objects in a quiet pass: {quiet}")
    print(f"ready after {result['ready_seconds']} s")
    write("latency", result)


if __name__ == "__main__":
    main()
