"""
Kill services, at random and at named points, and bring about what leads to each point.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from shared.errors import SetpointError
from tests.faults.points import POINTS, SERVICES
from tests.faults.rig import Rig
from tests.faults.system.declared import SIGNED
from tests.faults.workload import layout, objects
from tests.faults.workload.journal import Key

HIT = 45.0  # seconds to come to a point; most take one or two
AGAIN = 2.0  # seconds until what leads there is done again
PAUSE = (2.2, 3.6)  # seconds between kills; with the start that follows, one every three to four
WIPE = "notifier.reset-told"  # needs quiet: what only the bus holds goes with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """
    One kill: of a service at random, or at a point of it such as ``source.stored#2``.
    """

    service: str
    point: str = ""


def planned(count: int, rng: random.Random) -> list[Kill]:
    """
    Return an order of kills that ends ``count`` processes at least, with every point in it.

    To arm a service it is killed, too, so that a point takes two.
    """
    found = [
        Kill(service=name.partition(".")[0], point=f"{name}#{number}")
        for name, numbers in POINTS.items()
        if name != WIPE
        for number in numbers
    ]
    alone = max(0, count - 2 * len(found) - 2)
    found += [Kill(service=SERVICES[n % len(SERVICES)]) for n in range(alone)]
    rng.shuffle(found)
    return found


class Killer:
    """
    Carries kills out under load.
    """

    def __init__(self, rig: Rig, rng: random.Random) -> None:
        self.rig = rig
        self.rng = rng
        self.missed: list[str] = []
        self.hits = 0
        self.longest = (0.0, "")  # seconds that the way to a point took, and the point
        self._even = False

    @property
    def deaths(self) -> int:
        return sum(len(one.deaths) for one in self.rig.system.services.values())

    async def kill(self, kill: Kill) -> None:
        """
        Carry out one.
        """
        await asyncio.sleep(self.rng.uniform(*PAUSE))
        if kill.point:
            await self.at(kill.service, kill.point)
        else:
            await self.rig.system.services[kill.service].kill()

    async def at(self, name: str, point: str) -> None:
        """
        Arm a service and do what leads to the point until it dies there.
        """
        lead = self._leading_to(point)
        service = self.rig.system.services[name]
        number = await service.arm(point)
        begin = time.monotonic()
        while time.monotonic() < begin + HIT:
            if await service.died(number, within=AGAIN):
                self.hits += 1
                self.longest = max(self.longest, (time.monotonic() - begin, point))
                return
            # What the workload works on may be pruned at that moment.
            with suppress(SetpointError):
                # What all others need: while it sleeps, no new commit is applied.
                await self.rig.workload.resume(layout.BASE)
                await lead()
        self.missed.append(point)
        await service.kill()

    def _leading_to(self, point: str) -> Callable[[], Awaitable[object]]:
        work = self.rig.workload
        leads: dict[str, Callable[[], Awaitable[object]]] = {
            "reconciler.finalizer-set": self._in_or_out,
            "reconciler.finalizer-deleted": self._in_and_gone,
            "reconciler.drift-told": work.touch,
            "reconciler.drift-healed": work.touch,
            "reconciler.pruned": self._in_and_out,
            "reconciler.all-pruned": self._in_and_out,
            "reconciler.inventory-written": self._in_and_out,
            "reconciler.replaced-deleted": self._replaced,
            "reconciler.managers-folded": self._folded,
            "notifier.buried": self._buried,
        }
        return leads.get(point.partition("#")[0], work.change)

    async def _in_and_out(self) -> None:
        paths = [f"app-{n}/config-app-{n}-more-0.yaml" for n in range(layout.APPS)]
        self._even = not self._even
        await self.rig.workload.commit(*((paths, []) if self._even else ([], paths)))

    async def _replaced(self) -> None:
        paths = [f"infra-{n}/immutable-infra-{n}-i.yaml" for n in range(layout.INFRA)]
        await self.rig.workload.commit(paths)

    async def _folded(self) -> None:
        """
        Have kubectl declare a field beside us, and a commit change the object.
        """
        work, resource = self.rig.workload, {"apiVersion": "v1", "kind": "ConfigMap"}
        await work.resume(layout.WEB)
        for name in (f"{layout.WEB}-a", f"{layout.WEB}-b"):  # those are never removed
            beside = {
                **resource,
                "metadata": {"name": name, "namespace": layout.space(0)},
                "data": {"text": objects.TEXT},
            }
            found = await work.resource(Key.of(beside))
            await self.rig.system.kube.apply(found, beside, manager="kubectl")
        await work.commit([f"{layout.WEB}/config-{layout.WEB}-{one}.yaml" for one in "ab"])

    async def _in_and_gone(self) -> None:
        """
        Let the guest come, and go as soon as it has objects: without any nothing is deleted.
        """
        work, verdicts = self.rig.workload, self.rig.oracle.record.verdicts[layout.GUEST]
        await work.resume(layout.GUEST)  # it has no objects if it went to sleep before
        if layout.GUEST not in work.journal.kustomizations() or (
            verdicts and verdicts[-1].applied and not verdicts[-1].gone
        ):
            await work.guest()

    async def _in_or_out(self) -> None:
        """
        Let the guest come, or go, which it does not while it is suspended.
        """
        await self.rig.workload.resume(layout.GUEST)
        await self.rig.workload.guest()

    async def _buried(self) -> None:
        self.rig.system.sinks.answers[SIGNED] = 410
        try:
            await self.rig.workload.change()
            await self.rig.system.services["notifier"].died(
                len(self.rig.system.services["notifier"].deaths) + 1, within=2 * AGAIN
            )
        finally:
            del self.rig.system.sinks.answers[SIGNED]

    async def wiped(self) -> None:
        """
        Kill the notifier when it has told that the bus lost everything; in quiet.
        """
        service = self.rig.system.notifier
        number = await service.arm(WIPE)
        await service.ports()
        async with self.rig.wiping():
            await self.rig.system.nats.wipe()
        if await service.died(number, within=HIT):
            self.hits += 1
        else:
            self.missed.append(WIPE)
