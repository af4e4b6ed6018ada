"""
Edits, scalings, removals and deletions by hand: how soon they are healed, and who is named.

Starts a system of its own with `setpoint up`, whose repository declares objects of seven kinds.
Clients of several names change them at random, with a seed: an edit begins when its turn has come,
whether the ones before are healed or not. None hits an object a third time, or one that is not
healed yet. The clock starts before the request and ends when a watch of this program sees the
object as it is declared. Then the drift events of the stream EVENTS are held against what was done:
the object, who did it, and each field with its old and new value.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
import yaml

from benchmarks.common.edits import KINDS, NAMESPACE, Edit, declared, edits
from benchmarks.common.floor import apply_all
from benchmarks.common.hands import Hands
from benchmarks.common.kustomizations import GROUP, declaration, namespace, ready
from benchmarks.common.processes import Meter
from benchmarks.common.report import say, summary, table, write
from benchmarks.common.system import System, running
from benchmarks.common.told import Told, bus_of, drifts
from benchmarks.common.watched import Watched, version

SEED = 4711
TWICE = 2  # edits of one object: more reverts than three in 5 min would be a fight
LATEST = 60.0  # seconds until an edit counts as not healed
SETTLE = 3.0
Json = dict[str, Any]


class Drift:
    """
    One run.
    """

    def __init__(self, system: System, hands: Hands, each: int) -> None:
        self.system, self.hands = system, hands
        self.wanted = {
            (kind, f"{kind.lower()}-{n:03}"): declared(kind, f"{kind.lower()}-{n:03}")
            for kind in KINDS
            for n in range(each)
        }
        self.done: defaultdict[str, list[Edit]] = defaultdict(list)
        self.taken: defaultdict[str, list[float]] = defaultdict(list)
        self.late: list[str] = []

    async def run(self, count: int, every: float) -> Json:
        kube = self.system.kube
        await apply_all(kube, [namespace(NAMESPACE)])
        self.kinds = {kind: await kube.resource(group, kind) for kind, group in KINDS.items()}
        self.watched = {kind: Watched(kube, one, NAMESPACE) for kind, one in self.kinds.items()}
        async with asyncio.TaskGroup() as group:
            following = [group.create_task(one.follow()) for one in self.watched.values()]
            await self._declare()
            say(f"{count} edits of {len(self.wanted)} objects")
            meter = Meter(self.system)
            await self._edit(count, every)
            used = meter.read()["reconciler"]
            for task in following:
                task.cancel()
        await asyncio.sleep(SETTLE)
        async with bus_of(self.system) as bus:
            judged = judge(self.done, await drifts(bus))
        everything = [one for some in self.taken.values() for one in some]
        return {
            "objects": len(self.wanted),
            "healed": summary(everything),
            "not_healed": self.late,
            "by_edit": {name: summary(some) for name, some in sorted(self.taken.items())},
            "cpu_ms_each": round(1000 * used.cpu / max(1, len(everything)), 1),
            **judged,
        }

    async def _declare(self) -> None:
        files = defaultdict(list)
        for (kind, _), one in self.wanted.items():
            files[f"drift/{kind.lower()}.yaml"].append(one)
        await self.system.commit({path: yaml.safe_dump_all(some) for path, some in files.items()})
        one = declaration("drift", "flux-system", "./drift", target=NAMESPACE, wait=False)
        await apply_all(self.system.kube, [one], manager="bench")
        kind = await self.system.kube.resource(GROUP, "Kustomization")
        watched, head = Watched(self.system.kube, kind, "flux-system"), self.system.head
        following = asyncio.create_task(watched.follow())
        await watched.until(["drift"], lambda one: ready(one, head))
        following.cancel()
        for kind, name in self.wanted:
            await self.watched[kind].until([name], lambda one: "team" in one["metadata"]["labels"])

    async def _edit(self, count: int, every: float) -> None:
        chosen = random.Random(SEED)
        free = [key for key in self.wanted for _ in range(TWICE)]
        chosen.shuffle(free)
        busy: set[tuple[str, str]] = set()
        begin = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(min(count, len(free))):
                await asyncio.sleep(max(0.0, begin + number * every - time.monotonic()))
                key = next((one for one in free if one not in busy), None)
                if key is None:
                    break
                free.remove(key)
                edit = chosen.choice(edits(key[0]))
                busy.add(key)
                group.create_task(self._one(key, edit, busy))

    async def _one(self, key: tuple[str, str], edit: Edit, busy: set[tuple[str, str]]) -> None:
        kind, name = key
        watched, wanted = self.watched[kind], self.wanted[key]
        live = watched.seen[name]
        self.done[f"{kind}/{NAMESPACE}/{name}"].append(edit)
        begin = time.monotonic()
        after = await edit.do(self.hands, self.kinds[kind], live)
        least = version(live if after is None else after)

        def healed(one: Json) -> bool:
            if edit.gone:
                return one["metadata"]["uid"] != live["metadata"]["uid"] and holds(wanted, one)
            return version(one) > least and holds(wanted, one)

        try:
            async with asyncio.timeout(LATEST):
                self.taken[edit.name].append(await watched.when(name, healed) - begin)
        except TimeoutError:
            self.late.append(f"{edit.name} of {kind}/{name}")
        busy.discard(key)


def holds(wanted: Any, live: Any) -> bool:
    """
    Say whether a live value is as declared; what is not declared does not matter.
    """
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and holds(value, live[key]) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(live, list)
            and len(wanted) == len(live)
            and all(holds(one, other) for one, other in zip(wanted, live, strict=True))
        )
    return bool(wanted == live)


def judge(done: Mapping[str, list[Edit]], told: list[Told]) -> Json:
    """
    Hold what was told against what was done, object by object, in order.
    """
    heard: defaultdict[str, list[Told]] = defaultdict(list)
    for one in told:
        if one.object in done:
            heard[one.object].append(one)
    wrong, silent, more, right, fields = [], [], [], Counter[str](), []
    for name, some in done.items():
        for edit, one in zip(some, heard[name], strict=False):
            if one.manager == edit.manager and edit.gone == ("was deleted" in one.message):
                right[edit.name] += 1
            else:
                wrong.append(f"{edit.name} by {edit.manager}: {one.message}")
            if one.fields != edit.fields:
                fields.append(f"{edit.name} of {name}: {one.fields}, not {edit.fields}")
        silent += [f"{edit.name} of {name}" for edit in some[len(heard[name]) :]]
        more += [one.message for one in heard[name][len(some) :]]
    return {
        "attributed_rightly": right.total(),
        "wrong": wrong,
        "wrong_fields": fields,
        "not_told": silent,
        "told_more": more,
    }


async def measure(count: int, each: int, every: float) -> Json:
    """
    Start a system and measure on it.
    """
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as home:
        async with running(Path(home)) as system:
            hands = Hands(system.kube, system.kubeconfig)
            try:
                return await Drift(system, hands, each).run(count, every)
            finally:
                await hands.close()


def rows(result: Json) -> list[list[object]]:
    """
    Return the table.
    """
    found: list[list[object]] = [["", "n", "p50 ms", "p99 ms", "max ms"]]
    for name, one in ({"all": result["healed"]} | result["by_edit"]).items():
        found.append([name, *(one[key] for key in ("n", "p50_ms", "p99_ms", "max_ms"))])
    return found


def main() -> None:
    """
    Measure, print the table and write the file.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--each", type=int, default=60, help="objects of each kind")
    parser.add_argument("--every", type=float, default=0.15, help="seconds between two edits")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    result = asyncio.run(measure(given.count, given.each, given.every))
    print(table(rows(result)))
    print(f"attributed rightly: {result['attributed_rightly']} of {result['healed']['n']}")
    print(f"CPU of the reconciler: {result['cpu_ms_each']} ms each")
    for key in ("not_healed", "wrong", "wrong_fields", "not_told", "told_more"):
        print(f"{key}: {len(result[key])}", *result[key][:20], sep="\n  ")
    write("drift", result)


if __name__ == "__main__":
    main()
