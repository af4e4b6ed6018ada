"""
What the rules of the machine are made of: pushes, turns, and that all comes right in the end.
"""

import asyncio

import yaml
from hypothesis.stateful import RuleBasedStateMachine

from services.reconciler.core.inventory import Inventory
from services.reconciler.core.options import PREFIX
from services.reconciler.core.owner import OWNER_NAME, Owner
from services.reconciler.core.sources import Source
from services.reconciler.declaration import Declaration
from shared.kube.errors import AdmissionDenied
from tests.fakes.reconciler.storm import Storm
from tests.model.oracle import FIXED, OWNERS, Oracle, Revision, exists
from tests.model.running import HastyClock, Running, lives
from tests.unit.reconciler.world import World, config, config_key

INTERVAL, LONG = "10m", 660  # seconds until all intervals are over


class Stage(RuleBasedStateMachine):
    """
    The world, the process if one runs, another one beside it if one does, and the oracle.
    """

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = World(HastyClock())
        self.oracle = Oracle(self.world)
        self.process = self.other = None
        self.values, self.count = {}, 0
        self.uid, self.sequence = "source-1", 0
        self.world.api.apply(config("strange"), manager="somebody")

    def calm_down(self):
        """
        Take all faults away: everything becomes as it is declared, and stays so.
        """
        self._end_other()
        self._mend()
        for _ in range(12):
            self.world.clock.advance(LONG)
            rested = self._work()
        assert rested, "the lanes never rest"
        before = self.world.versions()
        self._as_declared()
        self.world.clock.advance(LONG)
        self._work()
        assert self.world.versions() == before, "written although nothing changed"
        assert not self.oracle.leaked(), f"{self.oracle.leaked()} is recorded by nobody"

    def teardown(self):
        try:
            if not self.oracle.broken:
                self.calm_down()
        finally:
            self._end_other()
            self._stop()
            self.runner.close()

    def _publish(self, content, *, heard):
        files = {f"{owner}/README": "" for owner in OWNERS}
        for owner, declared in content.items():
            if declared is None:
                files[f"{owner}/broken.yaml"] = "a: ["
            for name, value in (declared or {}).items():
                files[f"{owner}/{name}.yaml"] = yaml.safe_dump(_manifest(name, value))
        self.sequence += 1
        digest, index = self.world.artifacts.put(files)
        source = Source(
            kind="GitRepository",
            namespace="ns",
            name="repo",
            uid=self.uid,
            sequence=self.sequence,
            revision=f"main@sha1:{len(self.oracle.history):040x}",
            digest=str(digest),
            index_digest=str(index),
        )
        self.oracle.history.append(Revision(source=source, content=content))
        self.world.source = source
        if heard:
            self._hear()

    def _push_one(self, name, value):
        """
        Declare one object otherwise; None is for not at all.
        """
        content = dict(self.oracle.history[-1].content)
        owner = next((one for one in OWNERS if name in (content[one] or {})), OWNERS[0])
        rest = {one: known for one, known in (content[owner] or {}).items() if one != name}
        self.values.pop(name, None)
        if value is not None:
            rest[name] = self.values[name] = value
        if not rest:
            rest[f"spare-{owner}"] = self._fresh()  # to declare nothing at all is another thing
        self._publish(content | {owner: rest}, heard=True)

    def _some_name(self, which):
        content = self.oracle.history[-1].content
        declared = [name for owner in OWNERS for name in content[owner] or {}]
        return declared[which % len(declared)] if declared else FIXED

    def _declare(self, owner, *, allow_empty=False, **spec):
        annotations = {"setpoint.dev/allow-empty": "enabled"} if allow_empty else {}
        asked = {"interval": INTERVAL, "retryInterval": "1m", "suspend": False} | spec
        self.world.declare(owner, annotations=annotations, path=f"./{owner}", **asked)

    def _depend(self, *, waits, still):
        self._declare(OWNERS[0], suspend=still)
        on = {"dependsOn": [{"name": OWNERS[0]}]} if waits else {}
        self._declare(OWNERS[1], **on)

    def _begin(self):
        self._stop()
        self.process = Running(self.world, Storm())
        places = enumerate(self.oracle.history, start=1)
        self.process.heard = max(
            (n for n, one in places if one.source == self.world.source), default=0
        )

    def _begin_behind(self, back):
        place = max(len(self.oracle.history) - back, 1)
        older = self.oracle.history[place - 1].source
        if older.uid != self.uid:  # of another object of that name nothing is known to be older
            return
        self.world.source = older
        self._begin()

    def _see(self):
        self.world.source = self.oracle.history[-1].source
        self._hear()

    def _hear(self):
        for process in (self.process, self.other):
            if process and not process.behind and self.world.source is not None:
                process.heard = len(self.oracle.history)
                self._do(process, process.look(self.world.source))

    def _mend(self):
        self.world.api.refusals.clear()
        self.world.receipts.down = False
        if not self.process:
            self._begin()
        self.process.switch.brew()
        self._see()
        self.process.see_again()
        self._publish(self._all_good(), heard=True)
        for owner in OWNERS:
            for _ in range(3):
                if exists(self.world, owner):
                    self._declare(owner)
                self.world.clock.advance(LONG)
                self._work()
            ending = (self.world.declared(owner) or {"metadata": {}})["metadata"]
            assert "deletionTimestamp" not in ending, f"{owner} never ends"
            self._declare(owner)

    def _all_good(self):
        """
        Return what was declared last of what can be used, and something of each in any case.
        """
        good, taken = {}, set()
        for owner in OWNERS:
            last = next(
                (c for one in reversed(self.oracle.history) if (c := one.content[owner])), {}
            )
            good[owner] = {k: v for k, v in last.items() if k not in taken} | {f"base-{owner}": "1"}
            taken |= last.keys()
        return good

    def _as_declared(self):
        for owner in OWNERS:
            content = self.oracle.history[-1].content[owner]
            live_ones = self.world.configs()
            for name, value in content.items():
                assert live_ones.get(name, {}).get("v") == value, f"{name} is not as declared"
            assert self.world.recorded(owner) == set(content)
            assert self.world.condition(name=owner) == ("True", "ReconciliationSucceeded")
            applied = self.world.status(owner)["lastAppliedRevision"]
            assert applied == self.oracle.history[-1].source.revision

    def _work(self):
        return self._do(self.process, self.process.turns())

    def _do(self, process, work):
        return self.runner.run(self._judged(process, work))

    async def _judged(self, process, work):
        with self.oracle.acting(process):
            alive, answer = await lives(process, work)
        if not alive and process is self.process:
            self._stop()
        if not alive and process is self.other:
            self._end_other()
        return answer

    def _stop(self):
        if self.process:
            self.process.end()
        self.process = None

    def _end_other(self):
        if self.other:
            self.other.end()
        self.other = None

    def _fresh(self):
        self.count += 1
        return str(self.count)

    def _refuse(self, name, *, refused):
        self.world.api.refusals.pop(config_key(name), None)
        if refused:
            self.world.api.refusals[config_key(name)] = AdmissionDenied(f"{name}: not here")

    def _made_by_somebody(self, body):
        refusals, self.world.api.refusals = self.world.api.refusals, {}
        self.world.api.apply(body, manager="kubectl")  # whose fields are taken over
        self.world.api.refusals = refusals

    def _drift(self, name, how):
        key, api = config_key(name), self.world.api
        live_one = api.find(key)
        if how in {"edit", "add"} and (live_one or {}).get("immutable"):
            how = "replace"  # it cannot be changed in another way
        match how:
            case _ if live_one is None:
                self._made_by_somebody(config(name, v="theirs"))
            case "edit":
                api.edit(key, {"data": {"v": "drifted"}})
            case "add":
                api.edit(key, {"data": {"more": self._fresh()}})
            case "unlabel":
                api.edit(key, {"metadata": {"labels": {OWNER_NAME: None}}})
            case _:
                api.delete(key)
        if live_one and how in {"replace", "copy"}:
            body = config(name, v="theirs")
            if how == "copy":
                body["metadata"]["labels"] = live_one["metadata"].get("labels") or {}
            self._made_by_somebody(body)

    def _written_by_another(self, owner):
        declared, key = self.world.declared(owner), config_key("second")
        # Another process works on it as we do: with its finalizer, and not at its end.
        if declared is None or declared["metadata"].get("deletionTimestamp"):
            return
        if not declared["metadata"].get("finalizers"):
            return
        known = Declaration(declared).recorded
        if key in known:
            return
        with self.oracle.acting(None):
            recorded = known.union(Inventory({key: "v1"})).to_json()
            self.world.write_status({"inventory": recorded}, owner)
            body = config("second", v=self._fresh())
            body["metadata"]["labels"] = Owner(name=owner, namespace="ns").labels
            self.oracle.ours.add(self.world.api.apply(body)["metadata"]["uid"])


def _manifest(name, value):
    made = config(name, v=value)
    if name == FIXED:
        made["immutable"] = True
        made["metadata"]["annotations"] = {f"{PREFIX}force": "enabled"}
    return made
