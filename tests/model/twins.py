"""
Two reconcilers at once: by mistake, or because the one before has not noticed yet that it is over.
"""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.fakes.reconciler.storm import WRITES
from tests.model.machine import Machine, changes, places
from tests.model.stage import LONG

calls = st.tuples(st.sampled_from(sorted(WRITES)), st.integers(1, 4))
backs = st.booleans()
times = st.sampled_from((0, 1, 31, LONG))


class Twins(Machine):
    """
    The machine with another process beside the one, which began before it.
    """

    # The machine alone has these, so that there is time for what only two can do to each other.
    recreate_source = lose_source = start_behind = second_writer = lose_bus = None
    refuse = push_what_is_refused = None

    @initialize(where=places)
    def begin(self, where):
        super().begin(where)
        self.work(seconds=0)
        self.begin_a_second_by_mistake(lost=False)
        self.work(seconds=0)

    @precondition(lambda self: self.process and not self.other)
    @rule(lost=st.booleans())
    def begin_a_second_by_mistake(self, lost):
        """
        Start another one while the one goes on, as a second Deployment would.
        """
        self.other, self.process = self.process, None
        self.start(lost)

    @precondition(lambda self: self.process and not self.other)
    @rule(call=calls, seconds=times, back=backs)
    def take_over_while_a_call_is_on_its_way(self, call, seconds, back):
        """
        Let the Lease go over while the holder stands still with a call that is sent already.

        It sees nothing any more, and sends nothing more once it looks at its clock.
        """
        old = self.other = self.process
        self.process = None

        async def taken():
            old.switch.leads, old.deaf = False, True
            self._begin()
            self.world.clock.advance(seconds)
            await self._judged(self.process, self.process.turns())

        old.switch.brew()
        old.switch.on_its_way(*call, taken, back=back)
        self._do(old, old.turns())
        if not self.process:
            self.process, self.other = self.other, None

    @precondition(lambda self: self.other)
    @rule(seconds=times)
    def other_works(self, seconds):
        self.world.clock.advance(seconds)
        self.other.switch.brew()
        self._do(self.other, self.other.turns())

    @precondition(lambda self: self.process and self.other)
    @rule(call=calls, seconds=times, back=backs)
    def other_works_while_a_call_is_on_its_way(self, call, seconds, back):
        async def between():
            if self.other:
                await self._judged(self.other, self.other.turns())

        self.world.clock.advance(seconds)
        self.process.switch.brew()
        self.process.switch.on_its_way(*call, between, back=back)
        self._work()

    @precondition(lambda self: self.process and self.other)
    @rule(where=places, changed=changes, seconds=times)
    def push_past_the_other(self, where, changed, seconds):
        """
        Let only the one hear what is pushed, and do it; the other works by what it knew before.
        """
        self.other.behind = True
        self.push(where, changed, heard=True)
        self.work(seconds=0)
        if self.other:
            self.other_works(seconds)

    @precondition(lambda self: self.other)
    @rule()
    def other_hears_again(self):
        self.other.behind = False
        self._hear()

    @precondition(lambda self: self.other)
    @rule()
    def other_ends(self):
        self._end_other()

    @precondition(lambda self: self.process and self.other and self.other.sound)
    @rule()
    def change_places(self):
        """
        Let the rules that speak of the one speak of the other.
        """
        self.process, self.other = self.other, self.process
