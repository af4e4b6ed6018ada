"""
Following the events of the bus: each once, through wipes and what comes late.
"""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from cli import letterbox
from cli.up import watching
from shared.bus import NoStream, Received
from shared.messages import Envelope

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def envelope(id_, at=NOW):
    about = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "namespace": "ns",
        "name": "app",
        "uid": "u",
    }
    payload = {
        "involvedObject": about,
        "severity": "info",
        "timestamp": at.isoformat(),
        "message": id_,
        "reason": "Progressing",
        "reportingController": "kustomize-controller",
    }
    return Envelope(id=id_, time=at, subject="events.x", payload=payload)


class Stream:
    """A stream whose messages count from one, until it is made anew."""

    def __init__(self):
        self.stored, self.made, self.there = [], 1, True

    def store(self, id_, *, at=NOW, told=NOW):
        self.stored.append((at, envelope(id_, told)))

    def wipe(self):
        self.stored, self.made = [], self.made + 1

    async def state(self, stream):
        if not self.there:
            raise NoStream(stream)
        return {"created": str(self.made), "last_seq": len(self.stored)}

    async def read(self, stream, filter_, *, after=0, since=None):
        if not self.there:
            raise NoStream(f"{stream} {filter_}")
        for number, (at, one) in enumerate(self.stored, start=1):
            if number > after and (since is None or at >= since):
                yield Received(subject="events.x", envelope=one, attempts=1, stream_sequence=number)


@pytest.fixture
def looking(monkeypatch):
    """Run something that looks again and again; yields how to wait until it has looked."""
    monkeypatch.setattr(letterbox, "LOOK", 0)

    @asynccontextmanager
    async def run(work):
        async def look():
            for _ in range(50):  # all is in memory: turns of the loop
                await asyncio.sleep(0)

        task = asyncio.create_task(work)
        yield look
        task.cancel()

    return run


async def follow(stream, told):
    async for one in letterbox.following(stream, "events.>", NOW):
        told.append(one.envelope.id)


@pytest.mark.parametrize("missed", [True, False])
async def test_what_comes_after_a_wipe_is_told_from_the_first(looking, missed):
    stream, told = Stream(), []
    stream.store("first")
    async with looking(follow(stream, told)) as look:
        await look()
        if missed:
            stream.there = False
            await look()
        stream.wipe()
        stream.store("second")
        stream.there = True
        await look()
    assert told == ["first", "second"]


async def test_a_stream_that_is_away_for_a_moment_tells_nothing_twice(looking):
    stream, told = Stream(), []
    stream.store("first")
    async with looking(follow(stream, told)) as look:
        await look()
        stream.there = False
        await look()
        stream.there = True
        await look()
    assert told == ["first"]


async def test_a_start_tells_what_happened_since_and_each_event_once(looking):
    stream, told = Stream(), []
    # It waited in an outbox, and is stored only now.
    stream.store("old", at=NOW + timedelta(seconds=1), told=NOW - timedelta(days=1))
    for seconds in (1, 300):  # later than the server knows ids
        stream.store("same", at=NOW + timedelta(seconds=seconds))
    async with looking(watching.tell_events(stream, told.append, NOW)) as look:
        await look()
    assert [one.text for one in told] == ["Kustomization/app: same"]
