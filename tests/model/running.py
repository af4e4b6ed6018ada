"""
The reconciler's service in memory, turn by turn: its real lanes and work, watches without delay.
"""

import copy

from services.reconciler.core.owner import OWNER_NAME
from services.reconciler.core.receipt import decode
from services.reconciler.core.standing import fights_of
from services.reconciler.observe import Observer
from services.reconciler.ports import Seen, Snapshot
from services.reconciler.service import Service
from services.reconciler.slots import Slots
from services.reconciler.unhurried import Bystanders
from services.reconciler.work import Tools, Work
from shared.errors import SetpointError
from shared.runtime.metrics import Metrics
from tests.fakes.clock import FakeClock
from tests.fakes.reconciler.api import KUSTOMIZE
from tests.fakes.reconciler.mortal import Killed
from tests.fakes.reconciler.ports import FakeWatches
from tests.unit.reconciler.world import Process, World

ROUNDS = 12  # turns of each lane until all must be at rest
METRICS = Metrics()


class HastyClock(FakeClock):
    """
    A clock with which nobody waits: who sleeps moves it on.
    """

    async def sleep(self, seconds):
        self.advance(seconds)


class Running(Process):
    """
    One start of the service.
    """

    def __init__(self, world: World, switch) -> None:
        super().__init__(world, switch)
        observer = Observer(
            FakeWatches(world.api), self.cluster, lanes_of=self.lanes.objects, clock=world.clock
        )
        tools = Tools(
            observer=observer,
            receipts=self.receipts,
            reconcile=self.reconcile,
            fallback=self.fallback,
            revert=self.revert,
            conclude=self.conclude,
            halt=self.halt,
            report=self.report,
        )
        slots = Slots(8)
        self._observer = observer
        self._work = Work(tools, self.lanes, slots, jitter=0, clock=world.clock, metrics=METRICS)
        artifacts = switch.guard(world.artifacts)
        self._bystanders = Bystanders(slots, clock=world.clock)
        self.service = Service(
            FakeWatches(world.api),
            observer,
            artifacts,
            self.lanes,
            self._work,
            self.report,
            self._bystanders,
        )
        self.lanes.on_kinds = lambda _: None
        self.lanes.is_trusted = lambda _: not self.blind
        self.blind = self.deaf = False
        self.behind = False  # of the source, of which it hears nothing
        self.heard = 0  # revisions that it knows of
        self.worked_at = 0  # those that it knew of when its turns began
        self.read = {}  # by key: the version of the API server when it read the object last
        self._begun = set()
        self._seen_once = False
        for key, obj in list(world.api.objects.items()):
            if key.kind == "Kustomization":
                self.service._declared(obj)
        world.api.watchers.append(self._watch)

    def end(self):
        """
        Be gone: nothing is heard any more.
        """
        self.world.api.watchers.remove(self._watch)

    @property
    def sound(self):
        """
        Say whether it hears everything and may write.
        """
        return self.switch.leads and not (self.deaf or self.behind)

    @property
    def known(self):
        """
        Return the first and the last place in the history that a pass may be at.
        """
        return min(self.worked_at, self.heard), self.heard

    def claimed(self, owner):
        """
        Return the objects that an owner has said are its own.
        """
        lane = self.lanes.get("ns", owner)
        return lane.claims.keys if lane and lane.claims else frozenset()

    def see_again(self):
        """
        Begin all watches anew, with all that is there.
        """
        self.blind = False
        found = [obj for obj in self.world.api.objects.values() if _labelled(obj)]
        for kind in {(key.group, key.kind) for lane in self.lanes for key in lane.inventory}:
            objects = tuple(copy.deepcopy(one) for one in found if _kind(one) == kind)
            self._observer._on_kind(kind, Snapshot(objects=objects))

    async def announce(self, source):
        """
        Hear of a revision on the bus.
        """
        news = self.lanes.heard_of(source)
        if news is not None:
            await self.service._wake_users(news)

    async def look(self, source):
        """
        See the source object itself.
        """
        news = self.lanes.saw_source(source)
        if news is not None:
            await self.service._wake_users(news)

    async def turns(self):
        """
        Let every lane do what is due; say whether all came to rest.
        """
        for _ in range(ROUNDS):
            idle = True
            for lane in self.lanes:
                if lane not in self._begun:
                    await self._begin(lane)
                if lane.wake.is_set() or lane.next_time() <= self.world.clock.monotonic():
                    lane.wake.clear()
                    idle = False
                    await self._turn(lane)
            if idle and not self._bystanders.let_go():
                return True
        return False

    async def _begin(self, lane):
        if not self._seen_once:
            self._seen_once = True
            self.see_again()
        lane.remember(decode(await self.receipts.load(lane.namespace, lane.name)))
        lane.memory.fights = fights_of(lane.status, now=self.world.clock.now())
        self._begun.add(lane)

    async def _turn(self, lane):
        lane.wake.clear()
        try:
            ended = await self._work._turn(lane)
            if ended is not None and ended.later is not None and not lane.removed:
                await self._work._tell_later(lane, ended.later)
        except SetpointError:
            self._work._again(lane)

    def _watch(self, old, new):
        obj = new or old
        if self.deaf:
            return
        if _kind(obj) == (KUSTOMIZE, "Kustomization"):
            self._declared(old, new)
        elif not self.blind and (_labelled(old) or _labelled(new)):
            gone = not _labelled(new)
            self._observer._on_kind(_kind(obj), Seen(object=obj, gone=gone))

    def _declared(self, old, new):
        if new is not None:
            self.service._declared(new)
            return
        meta = old["metadata"]
        gone = self.lanes.get(meta["namespace"], meta["name"])
        if gone is not None and gone.uid == meta["uid"]:
            self.service._remove(gone)


def _kind(obj):
    return obj["apiVersion"].rpartition("/")[0], obj["kind"]


def _labelled(obj):
    return obj is not None and OWNER_NAME in (obj["metadata"].get("labels") or {})


async def lives(running, work):
    """
    Let a process do some work; say whether it lived, and what the work answered.
    """
    try:
        answer = await work
    except Killed:
        return False, None
    except BaseExceptionGroup as group:
        if group.subgroup(Killed) is None:
            raise
        return False, None
    return not running.switch.dead, answer
