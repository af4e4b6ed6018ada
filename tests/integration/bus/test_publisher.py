import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.bus import Author, EventPublisher, Outbox, streams
from shared.bus.publisher import LAST_RESORT, SIDE_BY_SIDE
from shared.errors import MalformedError, TransientError
from shared.messages import Event, payload_as
from tests.fixtures.freeze import frozen
from tests.fixtures.nats import answering, message, running, until

SUBJECT = "events.local.info.Kustomization.ns.a"
AUTHOR = Author(
    cluster="local",
    namespace="flux-system",
    lease="setpoint-source",
    controller="source-controller",
)


@pytest.fixture
async def bus(connect_bus):
    bus = await connect_bus("admin")
    await bus.declare(streams.EVENTS)
    return bus


async def stored(bus) -> list[str]:
    return [item.envelope.id async for item in bus.read("EVENTS", "events.>")]


async def emptied(outbox: Outbox) -> None:
    async def condition() -> bool:
        return outbox.empty

    await until(condition, within=25)


async def test_with_nats_there_an_event_needs_no_disk(bus, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("shared.bus.publisher.PUBLISH_TIMEOUT", 10.0)
    outbox = Outbox(tmp_path / "outbox")
    publisher = EventPublisher(bus, outbox, AUTHOR)
    assert await publisher.accept(SUBJECT, message(SUBJECT, "1"))
    assert outbox.empty
    assert await stored(bus) == ["1"]


async def test_with_nats_away_events_wait_on_the_disk_and_are_sent_in_order(
    nats_server, bus, tmp_path
) -> None:
    outbox = Outbox(tmp_path / "outbox")
    publisher = EventPublisher(bus, outbox, AUTHOR)
    async with running(publisher.run()):
        assert await publisher.accept(SUBJECT, message(SUBJECT, "0"))
        await nats_server.server.kill()
        for number in range(1, 6):
            before = time.monotonic()
            assert await publisher.accept(SUBJECT, message(SUBJECT, str(number)))
            assert time.monotonic() - before < 1
        assert not outbox.empty
        await nats_server.restart()
        await emptied(outbox)
        assert await publisher.accept(SUBJECT, message(SUBJECT, "6"))
    assert await stored(bus) == [str(number) for number in range(7)]


async def test_with_a_stopped_server_an_event_is_accepted_soon_and_stored_once(
    nats_server, bus, tmp_path
) -> None:
    outbox = Outbox(tmp_path / "outbox")
    publisher = EventPublisher(bus, outbox, AUTHOR)
    with frozen(nats_server.server.pid):
        before = time.monotonic()
        assert await publisher.accept(SUBJECT, message(SUBJECT, "1"))
        assert await publisher.accept(SUBJECT, message(SUBJECT, "2"))
        assert time.monotonic() - before < 1
        assert not outbox.empty
    async with running(publisher.run()):
        await emptied(outbox)
    assert await stored(bus) == ["1", "2"]


async def test_new_events_go_behind_those_that_wait(nats_server, bus, tmp_path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    publisher = EventPublisher(bus, outbox, AUTHOR)
    await nats_server.server.kill()
    await publisher.accept(SUBJECT, message(SUBJECT, "1"))
    await nats_server.restart()
    await answering(bus)
    await publisher.accept(SUBJECT, message(SUBJECT, "2"))
    assert await stored(bus) == []
    async with running(publisher.run()):
        await emptied(outbox)
    assert await stored(bus) == ["1", "2"]


async def test_a_new_process_sends_what_the_killed_one_had_accepted(
    nats_server, bus, connect_bus, tmp_path
) -> None:
    await nats_server.server.kill()
    await EventPublisher(bus, Outbox(tmp_path / "outbox"), AUTHOR).accept(
        SUBJECT, message(SUBJECT, "1")
    )
    await nats_server.restart()
    outbox = Outbox(tmp_path / "outbox")
    async with running(EventPublisher(await connect_bus("admin"), outbox, AUTHOR).run()):
        await emptied(outbox)
    await answering(bus)
    assert await stored(bus) == ["1"]


async def test_without_a_stream_events_wait_until_the_notifier_declares_it(
    connect_bus, tmp_path
) -> None:
    subject = "events.local.info.GitRepository.ns.a"
    source, notifier = await connect_bus("source"), await connect_bus("notifier")
    outbox = Outbox(tmp_path / "outbox")
    publisher = EventPublisher(source, outbox, AUTHOR)
    async with running(publisher.run()):
        assert await publisher.accept(subject, message(subject, "1"))
        assert not outbox.empty
        await notifier.declare(streams.EVENTS)
        await emptied(outbox)
    assert await stored(notifier) == ["1"]


async def test_a_full_outbox_refuses_and_counts(nats_server, bus, tmp_path) -> None:
    publisher = EventPublisher(bus, Outbox(tmp_path / "outbox", limit=400), AUTHOR)
    await nats_server.server.kill()
    answers = [await publisher.accept(SUBJECT, message(SUBJECT, str(n))) for n in range(5)]
    assert answers == [True, False, False, False, False]
    assert publisher.refused == 4


async def test_what_finds_no_room_goes_behind_what_waits_where_nats_is_there(
    nats_server, bus, tmp_path
) -> None:
    publisher = EventPublisher(bus, Outbox(tmp_path / "outbox", limit=400), AUTHOR)
    await nats_server.server.kill()
    assert await publisher.accept(SUBJECT, message(SUBJECT, "1"))
    await nats_server.restart()
    await answering(bus)
    assert await publisher.accept(SUBJECT, message(SUBJECT, "2"))
    assert publisher.refused == 0
    assert await stored(bus) == ["1", "2"]


async def test_where_the_disk_takes_nothing_an_event_waits_for_a_nats_that_stood_still(
    nats_server, bus, tmp_path
) -> None:
    publisher = EventPublisher(bus, without_a_disk(tmp_path), AUTHOR)
    with capture_logs() as lines, frozen(nats_server.server.pid):

        async def no_disk() -> bool:
            return any(line["event"] == "outbox not written" for line in lines)

        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(publisher.accept(SUBJECT, message(SUBJECT, "1")))
            await until(no_disk)
            os.kill(nats_server.server.pid, signal.SIGCONT)
    assert accepting.result()
    assert publisher.refused == 0
    assert await stored(bus) == ["1"]


async def test_without_disk_and_answer_one_event_waits_long_and_the_others_do_not(
    nats_server, bus, tmp_path
) -> None:
    outbox = without_a_disk(tmp_path)
    publisher = EventPublisher(bus, outbox, AUTHOR)
    with frozen(nats_server.server.pid):
        before = time.monotonic()
        answers = [await publisher.accept(SUBJECT, message(SUBJECT, str(n))) for n in range(5)]
        assert time.monotonic() - before < LAST_RESORT + 5
    assert (answers, publisher.refused) == ([False] * 5, 5)
    # What it had stored it may have to sync first.
    await until(lambda: publisher.accept(SUBJECT, message(SUBJECT, "5")))
    with frozen(nats_server.server.pid):
        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(publisher.accept(SUBJECT, message(SUBJECT, "6")))
            await asyncio.wait({accepting}, timeout=1)
            assert not accepting.done(), "after an answer it is worth waiting again"
            os.kill(nats_server.server.pid, signal.SIGCONT)
    assert accepting.result()


def without_a_disk(tmp_path: Path) -> Outbox:
    outbox = Outbox(tmp_path / "outbox")
    (tmp_path / "outbox").symlink_to("/dev/full")
    return outbox


async def told(bus) -> list[Event]:
    found = [item.envelope async for item in bus.read("EVENTS", "events.*.*.Lease.>")]
    return [payload_as(envelope, Event) for envelope in found]


async def test_what_did_not_fit_is_told_once_with_its_number_behind_what_waited(
    nats_server, bus, tmp_path
) -> None:
    outbox = Outbox(tmp_path / "outbox", limit=400)
    publisher = EventPublisher(bus, outbox, AUTHOR)
    await nats_server.server.kill()
    for number in range(5):
        await publisher.accept(SUBJECT, message(SUBJECT, str(number)))
    await nats_server.restart()
    await answering(bus)
    async with running(publisher.run()):
        await until(lambda: _told(bus, 1), within=25)
        assert await publisher.accept(SUBJECT, message(SUBJECT, "after"))
    first, refused, last = [item.envelope async for item in bus.read("EVENTS", "events.>")]
    assert (first.id, last.id) == ("0", "after")
    event = payload_as(refused, Event)
    assert (event.severity, event.reason) == ("error", "EventsRefused")
    about = event.involved_object
    assert (about.kind, about.namespace, about.name) == ("Lease", "flux-system", "setpoint-source")
    assert event.message.startswith("4 events of setpoint-source could not be kept while the bus")
    assert outbox.note is None


async def test_a_new_process_tells_what_the_killed_one_refused_and_only_once(
    nats_server, bus, tmp_path
) -> None:
    await nats_server.server.kill()
    before = EventPublisher(bus, Outbox(tmp_path / "outbox", limit=10), AUTHOR)
    await before.accept(SUBJECT, message(SUBJECT, "1"))
    await nats_server.restart()
    await answering(bus)
    for _ in range(2):
        outbox = Outbox(tmp_path / "outbox")
        async with running(EventPublisher(bus, outbox, AUTHOR).run()):
            await until(lambda: _told(bus, 1), within=25)
            await emptied(outbox)
    assert [event.metadata["refused"] for event in await told(bus)] == ["1"]


async def _told(bus, count) -> bool:
    return len(await told(bus)) >= count


async def test_an_event_that_can_never_be_sent_is_refused_and_does_not_hold_up_others(
    nats_server, bus, tmp_path
) -> None:
    huge = message(SUBJECT, "huge", x="x" * 1_100_000)
    outbox = Outbox(tmp_path / "outbox")
    publisher = EventPublisher(bus, outbox, AUTHOR)
    with pytest.raises(MalformedError):
        await publisher.accept(SUBJECT, huge)
    await nats_server.server.kill()
    await publisher.accept(SUBJECT, huge)
    await publisher.accept(SUBJECT, message(SUBJECT, "1"))
    await nats_server.restart()
    async with running(publisher.run()):
        await emptied(outbox)
    assert await stored(bus) == ["1"]


async def test_many_events_at_once_are_all_accepted(bus, tmp_path) -> None:
    publisher = EventPublisher(bus, Outbox(tmp_path / "outbox"), AUTHOR)
    async with running(publisher.run()):
        answers = await asyncio.gather(
            *(publisher.accept(SUBJECT, message(SUBJECT, str(n))) for n in range(50))
        )

        async def all_stored() -> bool:
            return len(await stored(bus)) == 50

        await until(all_stored)
    assert all(answers)
    assert sorted(await stored(bus), key=int) == [str(number) for number in range(50)]


async def test_some_events_wait_for_nats_side_by_side_and_one_that_it_leaves_out_is_kept(
    tmp_path,
) -> None:
    class Slow:
        connected = True

        def __init__(self) -> None:
            self.sent: list[str] = []
            self.answers = asyncio.Event()

        async def publish_raw(self, subject: str, data: bytes, id_: str, *, within: float) -> int:
            self.sent.append(id_)
            await self.answers.wait()
            if id_ == "3":
                raise TransientError("not confirmed")
            return 1

    bus, outbox = Slow(), Outbox(tmp_path / "outbox")
    publisher = EventPublisher(bus, outbox, AUTHOR)
    async with asyncio.TaskGroup() as group:
        accepting = [
            group.create_task(publisher.accept(SUBJECT, message(SUBJECT, str(n))))
            for n in range(SIDE_BY_SIDE + 1)
        ]
        while len(bus.sent) < SIDE_BY_SIDE:
            await asyncio.sleep(0)
        assert outbox.empty
        bus.answers.set()
    assert all(one.result() for one in accepting)
    assert not outbox.empty
    assert await publisher.accept(SUBJECT, message(SUBJECT, "later"))
    assert "later" not in bus.sent  # it came after the one that waits
