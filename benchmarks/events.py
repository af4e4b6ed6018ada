"""
Events into the notifier: 20 Alerts, five Providers, one of them dead; is all of it delivered?

Starts a bus, an API server and the notifier, and puts events into the stream as the services do.
First a few a second, with all Providers alive and with one dead: what the others wait for. Then all
the others as fast as the bus takes them. Then the dead one gets an address that answers. Each
Provider must get each event that one of its Alerts takes, once, in the order of the events: two
Alerts of one Provider that take the same event make one delivery.
"""

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from benchmarks.common.alerts import (
    CLUSTER,
    HOME,
    KUSTOMIZATION,
    NOTIFICATION,
    OTHER,
    SOURCE,
    WISHES,
    Happening,
    involved,
    notification,
    number_in,
    wanted,
)
from benchmarks.common.deliveries import judged, verdicts
from benchmarks.common.floor import apply_all
from benchmarks.common.kustomizations import namespace
from benchmarks.common.notifier import Alone, alone
from benchmarks.common.processes import usage
from benchmarks.common.report import say, summary, table, write
from benchmarks.common.sinks import HANGING, Sinks, sinks
from benchmarks.common.watched import Watched
from shared.bus import Author, Bus, EventPublisher, Outbox
from shared.messages import subjects

TYPES = {
    "plain": "generic",
    "plain-too": "generic",
    "signed": "generic-hmac",
    "chat": "slack",
    "dead": "generic",
}
DEAD = "dead"
OTHERS = tuple(name for name in TYPES if name != DEAD)
REASONS = 5  # of dead letters, in the result
PATIENCE = 30.0  # seconds without any delivery, after which what is missing counts as lost
Json = dict[str, Any]


class Events:
    """
    One run.
    """

    def __init__(
        self, system: Alone, arrived: Sinks, publishers: Mapping[str, EventPublisher], bus: Bus
    ) -> None:
        self.system, self.arrived = system, arrived
        self.publishers, self.bus = publishers, bus
        self.put: dict[int, float] = {}

    async def run(self, count: int, steady: int, every: float, dead: str) -> Json:
        kube = self.system.kube
        kind = await kube.resource(NOTIFICATION, "Provider")
        self.providers = Watched(kube, kind, HOME)
        following = asyncio.create_task(self.providers.follow())
        await self._declare()
        phases = {"steady, all alive": await self._phase(steady, every, TYPES)}
        await self._lead(
            DEAD, self.arrived.url(HANGING) if dead == HANGING else self.arrived.refused
        )
        phases["steady, one dead"] = await self._phase(steady, every, OTHERS)
        phases["at once, one dead"] = await self._phase(count - 2 * steady, 0.0, OTHERS)
        waiting = (await self.bus.subjects("DELIVERIES", "deliveries.>")).get(
            subjects.delivery(CLUSTER, HOME, DEAD), 0
        )
        came = self.arrived.seen[DEAD]
        says = {
            "wanted": len(wanted(DEAD, self.put)),
            "came_before_its_death": len(came),
            "waiting": waiting,
        }
        say("the dead Provider gets an address that answers")
        phases["the dead one is back"] = await self._measured([DEAD], begun=self._back())
        following.cancel()
        letters = [
            one.envelope.payload
            async for one in self.bus.read(subjects.DEADLETTERS, "deadletters.>")
        ]
        order = await self._order()
        return {
            "dead": dead,
            "events": len(self.put),
            "alerts": sum(map(len, WISHES.values())),
            "not_in_the_stream": len(self.put) - len(order),
            "phases": phases,
            "providers": {
                name: judged(wanted(name, self.put), self.arrived.came[name], order)
                | {"type": type_}
                for name, type_ in TYPES.items()
            },
            "dead_one": says,
            "dead_letters": len(letters),
            "dead_letters_because": sorted(
                {f"{one['subject']}: {one['reason']}" for one in letters}
            )[:REASONS],
            "others_came": self.arrived.others,
            "notifier_peak_mb": round(usage(self.system.service.pid).peak, 1),
        }

    async def _declare(self) -> None:
        secret: Json = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "token", "namespace": HOME},
            "stringData": {"token": "for measuring"},
        }
        declared = [namespace(OTHER), secret]
        for name, type_ in TYPES.items():
            spec: Json = {"type": type_, "address": self.arrived.url(name)}
            if type_ == "generic-hmac":
                spec["secretRef"] = {"name": "token"}
            declared.append(notification("Provider", name, spec))
        alerts = {
            f"{name}-{n}": wish.alert(f"{name}-{n}", name)
            for name, some in WISHES.items()
            for n, wish in enumerate(some)
        }
        await apply_all(self.system.kube, [*declared, *involved(), *alerts.values()])
        kind = await self.system.kube.resource(NOTIFICATION, "Alert")
        watched = Watched(self.system.kube, kind, HOME)
        following = asyncio.create_task(watched.follow())
        await self.providers.until(TYPES, _ready)
        await watched.until(alerts, _ready)
        following.cancel()

    async def _lead(self, name: str, address: str) -> None:
        """
        Give a Provider another address, and wait until the notifier knows.
        """
        kind = await self.system.kube.resource(NOTIFICATION, "Provider")
        patch: Json = {"spec": {"address": address}}
        done = await self.system.kube.merge_patch(kind, HOME, name, patch, manager="bench")
        least = done["metadata"]["generation"]
        async with asyncio.timeout(PATIENCE):
            await self.providers.when(name, lambda one: _observed(one) >= least)

    async def _back(self) -> None:
        await self._lead(DEAD, self.arrived.url(DEAD))

    async def _phase(self, count: int, every: float, alive: Iterable[str]) -> Json:
        first = len(self.put)
        say(f"{count} events, one each {every:g} s" if every else f"{count} events at once")
        return await self._measured(alive, begun=self._events(range(first, first + count), every))

    async def _events(self, numbers: Sequence[int], every: float) -> None:
        begin = time.monotonic()
        for turn, number in enumerate(numbers):
            await asyncio.sleep(max(0.0, begin + turn * every - time.monotonic()))
            self.put[number] = time.monotonic()
            one = Happening.of(number)
            await self.publishers[one.kind].accept(*one.envelope())

    async def _measured(self, alive: Iterable[str], *, begun: Any) -> Json:
        """
        Do something that leads to deliveries, and wait for them.
        """
        known, cpu, begin = len(self.put), self.system.cpu(), time.monotonic()
        before = {name: len(self.arrived.came[name]) for name in TYPES}
        await begun
        put = time.monotonic() - begin
        await self._until_all_came(alive)
        new = [one for name in alive for one in self.arrived.came[name][before[name] :]]
        seconds = max((at for at, _ in new), default=begin) - begin
        used = {name: round(now - cpu.get(name, 0.0), 2) for name, now in self.system.cpu().items()}
        events = len(self.put) - known
        return {
            "events": events,
            "put_seconds": round(put, 2),
            "seconds": round(seconds, 2),
            "deliveries": len(new),
            "per_second": round(len(new) / max(seconds, 0.001), 1),
            "missing": sum(map(len, self._missing(alive).values())),
            "delay": summary([at - self.put[n] for at, n in new if n >= known]) if events else {},
            "cpu_seconds": used,
            "cpu_ms_per_delivery": round(1000 * used["notifier"] / max(1, len(new)), 2),
            "cpu_ms_per_event": round(1000 * used["notifier"] / events, 2) if events else None,
            "notifier_mb": round(usage(self.system.service.pid).memory, 1),
        }

    def _missing(self, names: Iterable[str]) -> dict[str, set[int]]:
        return {name: wanted(name, self.put) - self.arrived.seen[name] for name in names}

    async def _until_all_came(self, names: Iterable[str]) -> None:
        least = {name: len(wanted(name, self.put)) for name in names}
        with contextlib.suppress(TimeoutError):
            while any(len(self.arrived.seen[name]) < count for name, count in least.items()):
                self.arrived.news.clear()
                async with asyncio.timeout(PATIENCE):
                    await self.arrived.news.wait()

    async def _order(self) -> dict[int, int]:
        """
        Return the place of each event in the stream: one that waited in an outbox comes later.
        """
        found = {}
        async for one in self.bus.read("EVENTS", "events.>"):
            number = number_in(one.envelope.payload["message"])
            if number is not None:
                found[number] = one.stream_sequence
        return found


def _ready(one: Json) -> bool:
    conditions = one.get("status", {}).get("conditions", [])
    return any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)


def _observed(one: Json) -> int:
    return int(one.get("status", {}).get("observedGeneration", 0))


async def measure(count: int, steady: int, every: float, dead: str) -> Json:
    """
    Start what is needed and measure on it.
    """
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as home:
        async with (
            sinks() as arrived,
            alone(Path(home)) as system,
            system.bus("source") as source,
            system.bus("reconciler") as reconciler,
            system.bus("admin") as admin,
        ):
            publishers = {
                SOURCE: publisher(source, Path(home) / "source"),
                KUSTOMIZATION: publisher(reconciler, Path(home) / "reconciler"),
            }
            emptying = [asyncio.create_task(one.run()) for one in publishers.values()]
            try:
                return await Events(system, arrived, publishers, admin).run(
                    count, steady, every, dead
                )
            finally:
                for task in emptying:
                    task.cancel()


def publisher(bus: Bus, folder: Path) -> EventPublisher:
    """
    Return the way of a service's events to the bus.
    """
    author = Author(cluster=CLUSTER, namespace=HOME, lease=folder.name, controller=folder.name)
    return EventPublisher(bus, Outbox(folder / "outbox"), author)


def speeds(phases: Mapping[str, Json]) -> list[list[object]]:
    """
    Return the table of phases.
    """
    keys = ("events", "deliveries", "seconds", "per_second", "missing")
    more = ("cpu_ms_per_event", "cpu_ms_per_delivery", "notifier_mb")
    delays = ("p50_ms", "p99_ms", "max_ms")
    found: list[list[object]] = [["", *(key.replace("_", " ") for key in (*keys, *delays, *more))]]
    for name, one in phases.items():
        cells = [*(one[key] for key in keys), *(one["delay"].get(key, "") for key in delays)]
        found.append([name, *cells, *(one[key] if one[key] is not None else "" for key in more)])
    return found


def main() -> None:
    """
    Measure, print the tables and write the file.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="events, those of all phases")
    parser.add_argument("--steady", type=int, default=200, help="events of a steady phase")
    parser.add_argument("--every", type=float, default=0.1, help="seconds between two of those")
    parser.add_argument("--dead", choices=(HANGING, "refused"), default=HANGING)
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    result = asyncio.run(measure(given.count, given.steady, given.every, given.dead))
    print(table(speeds(result["phases"])), end="\n\n")
    print(table(verdicts(result["providers"])))
    more = (
        "dead_one",
        "dead_letters",
        "dead_letters_because",
        "others_came",
        "not_in_the_stream",
        "notifier_peak_mb",
    )
    for key in more:
        print(f"{key.replace('_', ' ')}: {result[key]}")
    write("events", result)


if __name__ == "__main__":
    main()
