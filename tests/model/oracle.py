"""
What must hold at any moment, judged at each write of the API server while the reconciler works.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from services.reconciler.core.conditions import attempted_source
from services.reconciler.core.manifest import MANAGER, key_of
from services.reconciler.core.owner import OWNER_NAME
from services.reconciler.core.sources import Source
from services.reconciler.declaration import Declaration
from shared.model import Conditions
from tests.fakes.reconciler.ports import kustomization_key
from tests.unit.reconciler.world import config_key

OWNERS = ("app", "other")
FIXED = "fixed"  # of "app" alone: cannot be changed, and is made anew if that is asked for


class BrokenPromiseError(AssertionError):
    """
    A promise was broken.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """
    What is declared at one place of the history, by owner; None where it cannot be rendered.
    """

    source: Source
    content: dict[str, dict[str, str] | None]


class Oracle:
    """
    Knows the whole history, which no process does.
    """

    def __init__(self, world):
        self.world = world
        self.history: list[Revision] = []
        self.broken = False
        # The process that writes; its tasks take that along, whoever else writes between them.
        self._acting = ContextVar("acting", default=None)
        self.ours = set()  # uids of objects that the reconciler made or took over
        self._attempted = {owner: set() for owner in OWNERS}  # places in the history
        self._orphans = set()  # uids of objects left behind by an owner, as declared
        self._theirs = set()  # keys of what somebody else changed or deleted last
        self._writers = {}  # by key: who wrote it last since the process at work began its turns
        self._redeclared = set()  # owners, since then: what was begun is ended as it was asked
        # By owner and key: the place in the history whose value it was given last.
        self._reached = {}
        self._since = {}  # by owner and place in the history: the version that recorded it
        world.api.watchers.append(self._watch)
        world.cluster.on_read = self._read

    @contextmanager
    def acting(self, process):
        """
        Judge what a process writes within; None is for what others do meanwhile.
        """
        if process is not None and self._acting.get() is None:
            self._writers.clear()
            self._redeclared.clear()
        if process is not None:
            process.worked_at = process.heard
        before = self._acting.set(process)
        try:
            yield
        except BaseException:
            self.broken = True
            raise
        finally:
            self._acting.reset(before)

    def known(self, owner):
        """
        Return what an owner declares at each revision that the process may be working at.
        """
        first, last = self._acting.get().known
        return [one.content[owner] for one in self.history[max(first - 1, 0) : last]][::-1]

    def empty(self, owner, content):
        """
        Say whether nothing is declared where something was, and nobody allowed that.
        """
        if owner in self._redeclared:
            return False
        declared = self.world.declared(owner) or {"metadata": {}}
        annotations = declared["metadata"].get("annotations") or {}
        return (
            content == {}
            and bool(self.world.recorded(owner))
            and annotations.get("setpoint.dev/allow-empty") != "enabled"
        )

    def leaked(self):
        """
        Return what the reconciler made and nobody has recorded.
        """
        recorded = set().union(*(self._recorded(owner) for owner in OWNERS))
        return {
            key.name
            for key, obj in self.world.api.objects.items()
            if obj["metadata"]["uid"] in self.ours - self._orphans
            and _owner(obj)
            and self.world.declared(_owner(obj)) is not None
            and key not in recorded
        }

    def _recorded(self, owner):
        declared = self.world.declared(owner)
        return set(Declaration(declared).recorded) if declared else set()

    def _watch(self, old, new):
        key = key_of(new or old)
        if key.kind == "Kustomization":
            if new is None:
                self._ended(old)
            elif not self._acting.get():
                self._redeclared.add(key.name)
            else:
                self._said(old, new)
        elif key.kind == "ConfigMap" and not self._acting.get():
            self._theirs.add(key)
            self._writers[key] = None
        elif key.kind == "ConfigMap":
            self._theirs.discard(key)
            self._writers[key] = self._acting.get()
            if new is None:
                self._deleted(key, old)
            else:
                self._written(key, old, new)
        if self._acting.get() and (leaked := self.leaked()):
            raise BrokenPromiseError(f"{leaked} is recorded by nobody")

    def _stands_still(self, owner):
        return self.world.declared(owner)["spec"].get("suspend") and owner not in self._redeclared

    def _read(self, key):
        if self._acting.get():
            self._acting.get().read[key] = self.world.api.version

    def _deleted(self, key, old):
        owner = _owner(old)
        if self._made_anew(key, old):
            return
        if owner not in OWNERS or key not in self._recorded(owner):
            raise BrokenPromiseError(f"{key} was deleted, which is somebody else's")
        declared = self.world.declared(owner)
        forbidden = not declared["spec"]["prune"] and owner not in self._redeclared
        if forbidden or self._stands_still(owner):
            raise BrokenPromiseError(f"{key} was deleted by {owner}, which must not delete")
        if declared["metadata"].get("deletionTimestamp"):
            return
        self._not_newer(owner, key, old)
        wrongs = [self._wrong(owner, key, content) for content in self.known(owner)]
        if not wrongs or all(wrongs):
            raise BrokenPromiseError(f"{key} was deleted by {owner}{wrongs[0] if wrongs else ''}")

    def _wrong(self, owner, key, content):
        """
        Say why a revision does not let an owner delete an object, or nothing.
        """
        if content is None or self.empty(owner, content):
            return " because nothing could be read"
        if key.name in content:
            return ", which declares it"
        if lacking := self._lacking(content):
            return f" before {lacking} was applied"
        others = set(OWNERS) - {owner} - self._redeclared
        taker = next((one for one in others if self._takes(one, key)), None)
        return f" and moves to {taker}" if taker else ""

    def _made_anew(self, key, old):
        """
        Say whether an object that cannot be changed is deleted so that it becomes as declared.
        """
        wanted = {(content or {}).get(FIXED) for content in self.known(OWNERS[0])}
        if key.name != FIXED or not wanted - {None, old["data"].get("v")}:
            return False
        if not old.get("immutable"):
            return False
        if (self.world.declared(OWNERS[0]) or {"metadata": {}})["metadata"].get(
            "deletionTimestamp"
        ):
            return False
        if _owner(old) != OWNERS[0] and key in self._theirs:
            raise BrokenPromiseError(f"{key} was deleted, which is somebody else's")
        self._not_newer(OWNERS[0], key, old)
        return True

    def _not_newer(self, owner, key, old):
        """
        Refuse a deletion by a process that knows less than what is recorded.

        Nothing can stop it if it read the object before that was recorded, and it has not changed
        since: an apply of what it is already gives it no new version.
        """
        if key.name not in self._recorded_content(owner):
            return
        read = self._acting.get().read.get(key, 0)
        recorded = self._since.get((owner, self._recorded_place(owner)), 0)
        if not int(old["metadata"]["resourceVersion"]) <= read < recorded:
            raise BrokenPromiseError(f"{key} was deleted by {owner}, which recorded a newer one")

    def _lacking(self, content):
        """
        Return what is declared and not there so, but for what somebody else changed last.
        """
        configs = self.world.configs()
        return {
            name
            for name, value in content.items()
            if (configs.get(name) or {}).get("v") != value and config_key(name) not in self._theirs
        }

    def _takes(self, owner, key):
        declared = self.world.declared(owner)
        if declared is None or declared["spec"].get("suspend"):
            return False
        if declared["metadata"].get("deletionTimestamp"):
            return False
        return key in self._acting.get().claimed(owner)

    def _keeps(self, owner, key):
        """
        Say whether an owner that has an object goes on declaring it.
        """
        claims = self._takes(owner, key) and owner not in self._redeclared
        return claims and any(one is None or key.name in one for one in self.known(owner))

    def _written(self, key, old, new):
        if not any(one["manager"] == MANAGER for one in new["metadata"]["managedFields"]):
            return
        owner = _owner(new)
        self.ours.add(new["metadata"]["uid"])
        if old is not None and old.get("data") == new.get("data") and _owner(old) == owner:
            return
        if owner not in OWNERS:
            raise BrokenPromiseError(f"{key} was written for {owner}")
        if self._stands_still(owner):
            raise BrokenPromiseError(f"{key} was written for {owner}, which is suspended")
        before = _owner(old) if old is not None else None
        taken = before in OWNERS and before != owner and self._keeps(before, key)
        if taken and self._acting.get().sound:
            raise BrokenPromiseError(f"{key} was written for {owner} and belongs to {before}")
        value = (new.get("data") or {}).get("v")
        floor = self._floor(owner)
        good = [one.content[owner] for one in self.history[floor:] if one.content[owner]]
        if value not in {content.get(key.name) for content in good}:
            raise BrokenPromiseError(
                f"{key} was written as {value}, which is older than what is recorded"
            )
        self._goes_on(owner, key, value)

    def _goes_on(self, owner, key, value):
        """
        Refuse a value that is older than what the object had, by a process that knows that one.
        """
        me, place = self._acting.get(), self._reached.get((owner, key), 0)
        if not me.sound or me.heard <= place:
            return
        places = range(place, me.heard)
        later = [n for n in places if (self.history[n].content[owner] or {}).get(key.name) == value]
        if not later:
            raise BrokenPromiseError(f"{key} was written as {value}, which is older than it was")
        self._reached[owner, key] = later[0]

    def _floor(self, owner):
        """
        Return the place of the newest revision that can be rendered, of those ever recorded.

        What nobody worked at, as a newer one came too soon, is nobody's last good state.
        """
        places = {*self._attempted[owner], self._recorded_place(owner)} - {-1}
        return max((n for n in places if self.history[n].content[owner]), default=0)

    def _recorded_place(self, owner):
        state = attempted_source(self.world.status(owner))
        place = -1
        for number, one in enumerate(self.history):
            same = state and (one.source.uid, one.source.sequence) == (state.uid, state.sequence)
            place = number if same else place
        return place

    def _recorded_content(self, owner):
        """
        Return what an owner declares at the recorded revision, if the process knows none so new.
        """
        place = self._recorded_place(owner)
        return (
            (self.history[place].content[owner] or {}) if place >= self._acting.get().heard else {}
        )

    def _said(self, old, new):
        owner = new["metadata"]["name"]
        place = self._recorded_place(owner)
        self._attempted[owner].add(place)
        self._since.setdefault((owner, place), self.world.api.version)
        before, after = (attempted_source((one or {}).get("status") or {}) for one in (old, new))
        if before and after and before.uid == after.uid and after.sequence < before.sequence:
            raise BrokenPromiseError(f"{owner} recorded an older revision")
        if old is None or old.get("status") == new.get("status"):
            return
        conditions = Conditions.from_json(new["status"].get("conditions"))
        if not conditions.is_true("Ready"):
            applied = [
                one.get("lastAppliedRevision") for one in (old.get("status", {}), new["status"])
            ]
            if applied[0] != applied[1]:
                raise BrokenPromiseError(f"{owner} is not Ready, but applied {applied[1]}")
        elif not conditions.is_true("Drifted"):
            self._honest(owner, old.get("status", {}), new["status"])

    def _honest(self, owner, old, new):
        applied = new.get("lastAppliedRevision")
        ready = Conditions.from_json(old.get("conditions")).is_true("Ready")
        if ready and old.get("lastAppliedRevision") == applied:
            return
        found = [one.content[owner] for one in self.history if one.source.revision == applied]
        configs = self.world.configs()
        wrong = {
            name: (value, configs.get(name))
            for name, value in ((found[-1] or {}) if found else {}).items()
            if (configs.get(name) or {}).get("v") != value and not self._came_between(name)
        }
        if wrong or not found:
            raise BrokenPromiseError(f"{owner} is called Ready at {applied}, with {wrong}")

    def _came_between(self, name):
        """
        Say whether somebody else changed an object while the process took its turns.
        """
        me = self._acting.get()
        return self._writers.get(config_key(name), me) is not me

    def _ended(self, old):
        owner = old["metadata"]["name"]
        spec, recorded = old["spec"], Declaration(old).recorded
        left = {
            key.name: obj["metadata"]["uid"]
            for key, obj in self.world.api.objects.items()
            if _owner(obj) == owner and obj["metadata"]["uid"] in self.ours
        }
        deletes = spec["prune"] and not spec.get("suspend")
        if deletes and (lost := left.keys() & {key.name for key in recorded}):
            raise BrokenPromiseError(f"{owner} ended and left {lost}")
        self._orphans |= set(left.values())
        self._attempted[owner].clear()  # who declares it again begins with nothing recorded


def _owner(obj):
    return (obj["metadata"].get("labels") or {}).get(OWNER_NAME)


def exists(world, owner):
    return world.api.find(kustomization_key("ns", owner)) is not None
