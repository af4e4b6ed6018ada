"""
One Kustomization's memory and its inbox: what was applied, what was seen, what has to be done.

Everything here is synchronous. Watches put notices in, the lane's own task takes the work out; the
steps act on it, one at a time.
"""

import asyncio

from services.reconciler.core.claims import Claims, Undecided
from services.reconciler.core.dependencies import SourceState
from services.reconciler.core.drift import (
    GONE,
    Drifted,
    DriftKind,
    Gone,
    Settled,
    Verdict,
    Verify,
    judge,
    judge_at_start,
)
from services.reconciler.core.health import Health, Status, compute
from services.reconciler.core.inventory import Inventory
from services.reconciler.core.observation import Observed, observe
from services.reconciler.core.obstacles import overtaken
from services.reconciler.core.options import DEFAULT
from services.reconciler.core.plan import Action
from services.reconciler.core.receipt import Saved
from services.reconciler.core.rollout import Rollout
from services.reconciler.core.sources import Source
from services.reconciler.core.standing import DriftAction
from services.reconciler.declaration import Declaration, Json
from services.reconciler.marks import Marks
from services.reconciler.memory import Memory
from services.reconciler.result import Result
from services.reconciler.slots import Urgency
from shared.model import ObjectKey
from shared.runtime import Clock


class Lane(Declaration):
    """
    The serial queue of one Kustomization's work.
    """

    def __init__(self, declared: Json, *, clock: Clock) -> None:
        super().__init__(declared)
        self.memory = Memory()
        self.inventory = Inventory.empty()
        self.source: Source | None = None
        # The source of what is remembered as desired; of a fallback, what was recorded then.
        self.remembered: Source | SourceState | None = None
        self.tried: Source | None = None  # what we recorded as attempted, and could not do
        self.wake = asyncio.Event()
        self.marks = Marks(self.memory, self.wake, clock=clock)
        self.settled = False  # a pass has looked at every object since the start
        self.due: float | None = 0.0
        self.urgency = Urgency.ROUTINE
        self.health_moved = asyncio.Event()
        self.rollout: Rollout | None = None
        self.concluded = False  # the last pass came to its end: health may speak for its source
        self.look_at: float | None = None  # when health has to be looked at again
        self.answering = ""  # the request that the last pass answers
        self.pending: Json | None = None
        self.untold: Result | None = None  # the pass of which the status says nothing yet
        # What passes did and came to no end to tell: the one that does tells it.
        self.acted: dict[ObjectKey, Action] = {}
        self.owing = False  # the same of their success
        self.working = False
        self.waiting = False  # for a dependency, also while the status does not say so yet
        self.removed = False
        self.claims: Claims | None = None  # what it declared when it was rendered last
        # To work on a new revision: it is not known yet how urgently, or nobody waits for it.
        self.expected = False
        self.undecided: Undecided | None = None  # it waits for the claims of others
        self.ends_since: float | None = None  # since when its objects are being deleted
        self._in_flight: dict[ObjectKey, Json | Gone | None] = {}
        # What watches showed before the receipts were there; None from then on.
        self._unjudged: dict[ObjectKey, Observed | Gone] | None = {}
        self._monotonic = clock.monotonic
        self._now = clock.now

    @property
    def believed(self) -> Json:
        """
        Return the declaration with the status that is to be written, if one is.
        """
        return self.declared if self.pending is None else {**self.declared, "status": self.pending}

    @property
    def about_to_work(self) -> bool:
        """
        Say whether a pass is under way, asked for or in line.
        """
        return self.working or self.expected or self.due == 0.0

    @property
    def about_to_tell(self) -> bool:
        """
        Say whether health is looked at soon to tell of a pass of which the status says nothing.
        """
        return self.untold is not None and self.look_at is not None

    @property
    def pressing(self) -> Urgency:
        """
        Return how urgent it is that the lane works: what has drifted for certain comes first.

        Of a change that is applied and not told yet the end is waited for as the change was.
        """
        if not self.resting and any(self.marks.drifted.values()):
            return Urgency.NOW
        return min(self.urgency, Urgency.CHANGED) if self.about_to_tell else self.urgency

    @property
    def resting(self) -> bool:
        """
        Say whether nothing but a pass may be done: suspended, being deleted, or before the first.
        """
        return self.suspended or self.deleting or not self.settled

    @property
    def outdated(self) -> bool:
        """
        Say whether another process has recorded a newer attempt than what is remembered here.
        """
        if self.remembered is None or not overtaken(self.status, self.remembered):
            return False
        return self.tried is None or overtaken(self.status, self.tried)

    @property
    def about_to_claim(self) -> bool:
        """
        Say whether a pass will tell soon what is declared now.
        """
        return self.about_to_work and not self.suspended

    def begin_pass(self) -> None:
        """
        Judge from here on what is declared now; what the pass before has not told is left to it.
        """
        self.base = self.declared
        self.owing = self.owing or self.untold is not None
        self.told()

    def keep_untold(self, result: Result, status: Json) -> None:
        """
        Believe a status that is not worth a write of its own yet, and keep what it is about.
        """
        self.untold, self.pending = result, status

    def told(self) -> None:
        """
        Forget what was kept, since the status says it.
        """
        self.untold = self.pending = None

    def request(self, urgency: Urgency) -> None:
        """
        Ask for a pass.
        """
        self.due, self.expected = 0.0, False
        self.urgency = min(self.urgency, urgency)
        self.wake.set()

    def next_time(self) -> float:
        """
        Return when there is something to do, as monotonic seconds, if nothing happens before.
        """
        if self.resting:
            # What will not be done must not wake anybody, again and again, once its time has come.
            return float("inf") if self.due is None else self.due
        times = [time for time in (self.due, self.look_at) if time is not None]
        return min((*times, self.marks.next_time()))

    def notice(self, key: ObjectKey, obj: Json | None, *, listed: bool = False) -> None:
        """
        Take what a watch says about one of our objects; None means that it is not there.
        """
        if key in self._in_flight:
            self._in_flight[key] = GONE if obj is None else obj
            return
        seen = GONE if obj is None else observe(obj, self.owner, now=self._now())
        self._note_health(key, seen)
        if isinstance(seen, Observed) and seen.terminating:
            return  # it goes; what comes next is its end
        if self._unjudged is not None:
            self._unjudged[key] = seen
            return
        self._judge(key, seen, listed=listed)

    def remember(self, saved: Saved) -> None:
        """
        Take the receipts that were saved, and judge by them what was seen meanwhile.
        """
        # Those of another one of our name, or of objects let go, say nothing about ours.
        receipts = saved.receipts.items()
        self.memory.receipts = {key: one for key, one in receipts if key in self.inventory}
        self.memory.saved, self.memory.spec = saved, saved.spec
        seen, self._unjudged = self._unjudged or {}, None
        for key, one in seen.items():
            self._judge(key, one, listed=True)

    def _judge(self, key: ObjectKey, seen: Observed | Gone, *, listed: bool) -> None:
        receipt = self.memory.receipts.get(key)
        if not self.settled:
            verdict = judge_at_start(
                receipt, seen, has_generation=receipt is not None and receipt.generation > 0
            )
        elif receipt is None:
            return  # refused or skipped so far: the pass decides
        else:
            verdict = judge(receipt, seen, has_generation=receipt.generation > 0, listed=listed)
        match verdict:
            case Settled(stale=stale):
                if not stale:
                    self.marks.drifted.pop(key, None)
            case Drifted() | Verify() if self.marks.held(key, gone=_gone(verdict)):
                pass
            case Drifted() | Verify() if self._paused_no_longer(key, seen):
                self.marks.mark(key, certain=True)
            case Drifted() if key not in self.memory.standing or _gone(verdict):
                self.marks.mark(key, certain=True)
            case Drifted() | Verify():
                self.marks.mark_in_time(key)

    def _paused_no_longer(self, key: ObjectKey, seen: Observed | Gone) -> bool:
        held = self.memory.standing.get(key)
        paused = held is not None and held.standing.action is DriftAction.PAUSED
        return paused and isinstance(seen, Observed) and not seen.paused

    def notice_other(self, key: ObjectKey, obj: Json | None) -> None:
        """
        Take the state of an object that we only wait for.
        """
        health = Health(Status.NOT_FOUND, "not found") if obj is None else compute(obj)
        self._set_health(key, health)

    def begin(self, key: ObjectKey) -> None:
        """
        Keep what watches say about an object until our own write is answered.
        """
        self._in_flight[key] = None

    def end(self, key: ObjectKey, response: Json | None) -> None:
        """
        Judge what was kept, after the answer (None: the write failed).
        """
        kept = self._in_flight.pop(key, None)
        if response is not None:
            self._note_health(key, observe(response, self.owner, now=self._now()))
        if kept is None:
            return
        self.notice(key, None if isinstance(kept, Gone) else kept)

    def _note_health(self, key: ObjectKey, seen: Observed | Gone) -> None:
        if isinstance(seen, Gone):
            self.memory.versions.pop(key, None)
            self.memory.touched.pop(key, None)
            self._set_health(key, Health(Status.NOT_FOUND, "not found"))
            return
        self.memory.versions[key] = seen.resource_version
        if seen.touched:
            self.memory.touched[key] = seen.touched
        else:
            self.memory.touched.pop(key, None)
        if seen.options is DEFAULT:
            self.memory.options.pop(key, None)
        else:
            self.memory.options[key] = seen.options
        self._set_health(key, Health(seen.health, seen.message))

    def _set_health(self, key: ObjectKey, health: Health) -> None:
        if self.memory.health.get(key) != health:
            self.memory.health[key] = health
            self.health_moved.set()
            self.wake.set()

    def __repr__(self) -> str:
        return (
            f"Lane({self.namespace}/{self.name}, {len(self.inventory)} objects, "
            f"{len(self.marks.drifted)} drifted)"
        )


def _gone(verdict: Verdict) -> bool:
    return isinstance(verdict, Drifted) and verdict.kind is not DriftKind.CHANGED
