"""
Fights: somebody else writes the same fields again and again. Whoever loses, the object flaps.

Transitions of the state of one object; ``now`` is an argument.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=5)  # in which reverts of one object are counted
REVERTS = 3  # after more than these, in the window and against one writer, it is a fight
QUIET_INTERVALS = 2  # without a write of theirs, and the fight is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverted:
    """
    One revert: when, and after whose write (empty: a writer without a trace).
    """

    at: datetime
    manager: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fight:
    """
    What is remembered of one object's reverts. The default value is that of a peaceful object.
    """

    reverts: tuple[Reverted, ...] = ()
    manager: str = ""
    since: datetime | None = None
    last_write: datetime | None = None

    @property
    def on(self) -> bool:
        """
        Say whether there is a fight.
        """
        return self.since is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    What to do about one drift: revert now, or hold back until a time.

    ``began`` says that this write made it a fight: tell people once.
    """

    state: Fight = field(default_factory=Fight)
    revert: bool
    until: datetime | None = None
    began: bool = False


PEACE = Fight()


def on_write(
    state: Fight, manager: str, *, now: datetime, interval: timedelta, gone: bool = False
) -> Decision:
    """
    Decide about a write of somebody else that took our fields, or the object (``gone``).
    """
    state = settle(state, now=now, interval=interval)
    if gone and state.on and state.manager:
        state = PEACE  # it is made anew, and whoever fought over its fields may be gone too
    if state.on:
        return _held(replace(state, last_write=now), now=now, interval=interval)
    recent = tuple(one for one in state.reverts if now - one.at <= WINDOW)
    state = replace(state, reverts=recent, last_write=now)
    if sum(one.manager == manager for one in recent) > REVERTS:
        state = replace(state, manager=manager, since=now)
        held = _held(state, now=now, interval=interval)
        return replace(held, began=True)
    return Decision(state=state, revert=True)


def on_seen(state: Fight, *, now: datetime) -> Fight:
    """
    Note a write in a fight whose time has not come.
    """
    return replace(state, last_write=now)


def ends(state: Fight, *, interval: timedelta) -> datetime | None:
    """
    Return when a fight ends if nobody writes any more; None if there is none.
    """
    if not state.on or state.last_write is None:
        return None
    return state.last_write + interval * QUIET_INTERVALS


def on_due(state: Fight, *, now: datetime, interval: timedelta) -> Decision:
    """
    Decide about drift that was held back, when its time may have come.
    """
    state = settle(state, now=now, interval=interval)
    if not state.on:
        return Decision(state=state, revert=True)
    return _held(state, now=now, interval=interval)


def on_reverted(state: Fight, manager: str, *, now: datetime) -> Fight:
    """
    Note a revert that was made.
    """
    recent = tuple(one for one in state.reverts if now - one.at <= WINDOW)
    if state.on:
        # Only the last one counts for the interval.
        recent = ()
    return replace(state, reverts=(*recent, Reverted(at=now, manager=manager)))


def settle(state: Fight, *, now: datetime, interval: timedelta) -> Fight:
    """
    End a fight after two intervals without a write; forget what is too old to count.
    """
    if state.on:
        end = ends(state, interval=interval)
        return PEACE if end is not None and end <= now else state
    recent = tuple(one for one in state.reverts if now - one.at <= WINDOW)
    if not recent:
        return PEACE
    return state if recent == state.reverts else replace(state, reverts=recent)


def _held(state: Fight, *, now: datetime, interval: timedelta) -> Decision:
    last = state.reverts[-1].at if state.reverts else None
    due = last + interval if last is not None else now
    if due <= now:
        return Decision(state=state, revert=True)
    return Decision(state=state, revert=False, until=due)
