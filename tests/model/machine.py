"""
The reconciler under everything that may happen to it, in any order: a machine for hypothesis.

Rules are what people, Git, the API server and the bus do, and turns of the service, in which calls
fail and the process dies. The oracle judges each write; in the end, all comes to what is declared.
"""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.fakes.reconciler.ports import kustomization_key
from tests.fakes.reconciler.storm import CALLS, FAULTS
from tests.model.oracle import FIXED, OWNERS, exists
from tests.model.stage import LONG, Stage

NAMES = ("one", "two", "three")
NOWHERE = "-"
owners, names = st.sampled_from(OWNERS), st.sampled_from(NAMES)
any_name = st.sampled_from((*NAMES, FIXED))
places = st.tuples(*(st.sampled_from((NOWHERE, *OWNERS)) for _ in NAMES))
changes = st.sets(names)
faults = st.lists(
    st.tuples(st.sampled_from(FAULTS), st.sampled_from(CALLS), st.integers(1, 4)),
    min_size=1,
    max_size=3,
)
deaths = st.tuples(st.integers(1, 40), st.booleans())
drifts = st.sampled_from(("edit", "add", "unlabel", "delete", "replace", "copy"))
# What a pass is at when a newer revision comes; the how manieth call of that kind.
overtaken = st.tuples(
    st.sampled_from(("Declarations.write_status", "Cluster.apply", "Cluster.delete")),
    st.integers(1, 3),
)
# What is done for an object by the next pass, and the call for it that somebody comes across.
scenes = st.sampled_from(
    (
        ("removed", "Cluster.delete"),
        ("made anew", "Cluster.delete"),
        ("made anew", "Cluster.get"),
        ("taken over", "Cluster.rewrite_managers"),
        ("taken over", "Cluster.apply"),
        ("changed", "Cluster.apply"),
        ("changed", "Declarations.write_status"),
    )
)


class Machine(Stage):
    """
    One source, two Kustomizations with a path each, a few objects, some of them of strangers.
    """

    # What is declared

    @initialize(where=places)
    def begin(self, where):
        for owner in OWNERS:
            self._declare(owner)
        self.push(where, set(), heard=True)
        self._begin()

    @rule(where=places, changed=changes, heard=st.booleans())
    def push(self, where, changed, heard):
        """
        Add, change, move and remove objects.
        """
        self._publish(self._content(where, changed), heard=heard)

    @rule(declared=st.booleans())
    def push_what_cannot_be_changed(self, declared):
        """
        Declare an object anew that has to be made anew for that, or declare it no longer.
        """
        self._push_one(FIXED, self._fresh() if declared else None)

    @rule(owner=owners, broken=st.booleans())
    def push_what_cannot_be_used(self, owner, broken):
        """
        Break what one of them declares, or take all of it away.
        """
        content = dict(self.oracle.history[-1].content)
        content[owner] = None if broken else {}
        self._publish(content, heard=True)

    @rule()
    def recreate_source(self):
        self.uid, self.sequence = f"source-{self._fresh()}", 0
        self._publish(self.oracle.history[-1].content, heard=True)

    @rule()
    def lose_source(self):
        self.world.source = None
        if self.process:
            self.process.lanes.lost_source(("GitRepository", "ns", "repo"))

    @rule()
    def see_source(self):
        """
        Let the source be there again, or be read at last.
        """
        self._see()

    @rule(back=st.integers(1, 4))
    def announce_an_older_revision(self, back):
        if self.process:
            older = self.oracle.history[-min(back, len(self.oracle.history))]
            known = self.oracle.history[self.process.heard - 1].source
            if older.source.uid != known.uid or older.source.sequence <= known.sequence:
                self._do(self.process, self.process.announce(older.source))

    @rule(
        owner=owners,
        spec=st.sampled_from(({}, {"suspend": True}, {"prune": False})),
        allow_empty=st.booleans(),
    )
    def declare(self, owner, spec, allow_empty):
        """
        Declare it, again or otherwise: resume, suspend, do not prune, allow nothing at all.
        """
        self._declare(owner, allow_empty=allow_empty, **spec)

    @rule(waits=st.booleans(), still=st.booleans())
    def depend(self, waits, still):
        """
        Let the one wait for the other, which perhaps stands still; or no longer.
        """
        self._depend(waits=waits, still=still)

    @rule(owner=owners)
    def delete_declaration(self, owner):
        if exists(self.world, owner):
            self.world.api.delete(kustomization_key("ns", owner))

    # What others do

    @rule(name=any_name, how=drifts)
    def drift(self, name, how):
        """
        Change or delete an object by hand, or put another one in its place.
        """
        self._drift(name, how)

    @precondition(lambda self: self.process)
    @rule(scene=scenes, back=st.booleans(), which=st.integers(0, 5), how=drifts)
    def drift_while_a_call_is_on_its_way(self, scene, back, which, how):
        """
        Let somebody do that between a call for an object and its effect, or between the effect and
        the answer.
        """
        what, call = scene
        self.work(seconds=0)
        if not self.process:
            return
        name = FIXED if what == "made anew" else self._some_name(which)

        async def meanwhile():
            with self.oracle.acting(None):
                self._drift(name, how)

        if what == "taken over":
            self._drift(name, "copy")
        else:
            self._push_one(name, None if what == "removed" else self._fresh())
        self.process.switch.on_its_way(call, 1, meanwhile, back=back)
        self._work()

    @precondition(lambda self: self.process)
    @rule(
        call=overtaken,
        back=st.booleans(),
        where=st.none() | places,
        changed=changes,
        still=st.booleans(),
    )
    def push_while_a_call_is_on_its_way(self, call, back, where, changed, still):
        """
        Let a newer revision come in the middle of a pass, and perhaps wait for who stands still.

        Without ``where`` it changes nothing of the one that waits.
        """

        async def meanwhile():
            with self.oracle.acting(None):
                if still:
                    self._depend(waits=True, still=True)
                self._publish(
                    self._content(where, changed) if where else self._readme(), heard=False
                )
            if self.process and not self.process.behind:
                self.process.heard = len(self.oracle.history)
                await self.process.look(self.world.source)

        self.process.switch.brew()
        self.process.switch.on_its_way(*call, meanwhile, back=back)
        self._work()

    @rule(name=names, refused=st.booleans())
    def refuse(self, name, refused):
        """
        Let admission refuse an object from now on, or no longer.
        """
        self._refuse(name, refused=refused)

    @rule(where=places, name=names)
    def push_what_is_refused(self, where, name):
        """
        Push a revision of which one object is refused.
        """
        self._refuse(name, refused=True)
        self.push(where, {name}, heard=True)
        if self.process:
            self.work(seconds=0)

    @rule(owner=owners)
    def second_writer(self, owner):
        """
        Let another process record and make an object just before the next status is written.
        """
        if self.process:
            self.process.switch.meanwhile(
                "Declarations.write_status", lambda: self._written_by_another(owner)
            )

    # What happens to the process

    @precondition(lambda self: self.process)
    @rule(seconds=st.sampled_from((0, 1, 31, 61, LONG)))
    def work(self, seconds):
        """
        Let the lanes take their turns, some time later.
        """
        self.world.clock.advance(seconds)
        self.process.switch.brew()
        self._work()

    @precondition(lambda self: self.process)
    @rule(faults=faults)
    def work_in_a_storm(self, faults):
        """
        Let the lanes take their turns while calls fail.
        """
        self.process.switch.brew(faults=faults)
        self._work()

    @precondition(lambda self: self.process)
    @rule(death=deaths, lost=st.booleans())
    def work_and_die(self, death, lost):
        """
        Let the process die before or after a call, and start anew.
        """
        at, after = death
        self.process.switch.brew(at=at, after=after)
        self._work()
        self.start(lost)

    @rule(lost=st.booleans())
    def start(self, lost):
        """
        Start the service, anew if it runs; ``lost`` are the receipts, with the bus.
        """
        if lost:
            self.world.receipts.saved.clear()
        self._begin()

    @rule(back=st.integers(1, 3), lost=st.booleans())
    def start_behind(self, back, lost):
        """
        Start the service beside an API server that shows an older state of the source at first.
        """
        if lost:
            self.world.receipts.saved.clear()
        self._begin_behind(back)

    @rule(down=st.booleans())
    def lose_bus(self, down):
        self.world.receipts.down = down

    @precondition(lambda self: self.process)
    @rule(blind=st.booleans())
    def watch(self, blind):
        """
        Let the watches of managed objects fall silent, or begin again.
        """
        if blind:
            self.process.blind = True
        else:
            self.process.see_again()

    def _content(self, where, changed):
        """
        Return who declares what, with other values for what has changed.
        """
        for name in NAMES:
            if name in changed or name not in self.values:
                self.values[name] = self._fresh()
        content = {
            owner: {
                name: self.values[name]
                for name, place in zip(NAMES, where, strict=True)
                if place == owner
            }
            for owner in OWNERS
        }
        if FIXED in self.values:
            content[OWNERS[0]][FIXED] = self.values[FIXED]
        return content

    def _readme(self):
        """
        Return who declares what, with nothing new but a file of the first.
        """
        content = dict(self.oracle.history[-1].content)
        spare = f"spare-{OWNERS[0]}"
        content[OWNERS[0]] = (content[OWNERS[0]] or {}) | {spare: self._fresh()}
        return content

    @invariant()
    def strangers_are_left_alone(self):
        assert self.world.configs()["strange"] == {"a": "1"}
