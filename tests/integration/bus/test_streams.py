import dataclasses
import shutil
import time

import pytest

from shared.bus import NoStream, streams
from shared.bus.errors import BusFull, Disconnected
from shared.errors import MalformedError, TransientError
from tests.fixtures.freeze import frozen
from tests.fixtures.nats import answering, message, until

SUBJECT = "events.local.info.Kustomization.ns.a.b"


async def test_declaring_twice_changes_nothing(bus) -> None:
    await bus.declare(*streams.ALL)
    await bus.publish(SUBJECT, message(SUBJECT, "1"))
    await bus.declare(*streams.ALL)
    assert (await bus.state("EVENTS"))["messages"] == 1


async def test_a_changed_declaration_is_taken_over_and_keeps_the_messages(bus) -> None:
    await bus.declare(streams.EVENTS)
    await bus.publish(SUBJECT, message(SUBJECT, "1"))
    await bus.declare(dataclasses.replace(streams.EVENTS, max_bytes=1024, max_age=600))
    assert (await bus.state("EVENTS"))["messages"] == 1
    with pytest.raises(BusFull):
        await bus.publish(SUBJECT, message(SUBJECT, "2", x="x" * 2000), timeout=5)


async def test_a_message_with_the_same_id_is_stored_once(bus) -> None:
    await bus.declare(streams.EVENTS)
    first = await bus.publish(SUBJECT, message(SUBJECT, "same"), timeout=5)
    assert await bus.publish(SUBJECT, message(SUBJECT, "same"), timeout=5) == first
    assert await bus.publish(SUBJECT, message(SUBJECT, "other"), timeout=5) == first + 1


async def test_without_a_stream_a_publisher_is_told_at_once(bus) -> None:
    before = time.monotonic()
    with pytest.raises(TransientError) as caught:
        await bus.publish(SUBJECT, message(SUBJECT, "1"), timeout=5)
    assert isinstance(caught.value, NoStream)
    assert time.monotonic() - before < 2


async def test_a_message_that_the_server_would_never_take_is_malformed(bus) -> None:
    await bus.declare(streams.EVENTS)
    with pytest.raises(MalformedError, match="the server accepts"):
        await bus.publish(SUBJECT, message(SUBJECT, "1", x="x" * 1_100_000))
    assert await bus.publish(SUBJECT, message(SUBJECT, "2"), timeout=5) == 1


async def test_the_last_message_of_each_subject_is_read_without_consuming_it(bus) -> None:
    await bus.declare(streams.REVISIONS)
    for name in ("a", "b", "c.d"):
        for number in range(3):
            subject = f"revisions.local.GitRepository.ns.{name}"
            await bus.publish(subject, message(subject, f"{name}{number}"), timeout=5)
    for _ in range(2):
        found = await bus.last("REVISIONS", "revisions.local.>")
        assert sorted(item.envelope.id for item in found) == ["a2", "b2", "c.d2"]
    assert await bus.last("REVISIONS", "revisions.other.>") == []


async def test_reading_goes_on_after_a_sequence_over_many_batches(bus) -> None:
    await bus.declare(streams.EVENTS)
    for number in range(600):
        await bus.publish(SUBJECT, message(SUBJECT, str(number)), timeout=5)
    found = [item.envelope.id async for item in bus.read("EVENTS", "events.>", after=10)]
    assert found == [str(number) for number in range(10, 600)]


async def test_reading_a_stream_that_nobody_declared_says_so(bus) -> None:
    with pytest.raises(NoStream):
        await bus.last("REVISIONS", "revisions.>")


async def test_a_wiped_server_gets_its_streams_again_and_the_wipe_is_told_once(
    nats_server, bus
) -> None:
    wiped: list[str] = []

    async def tell(stream: str) -> None:
        wiped.append(stream)

    bus.on_wipe(tell)
    await bus.declare(streams.EVENTS, streams.REVISIONS)
    await bus.publish(SUBJECT, message(SUBJECT, "1"), timeout=5)
    await nats_server.server.kill()
    shutil.rmtree(nats_server.data_dir / "jetstream")
    await nats_server.restart()

    async def told() -> bool:
        return len(wiped) == 2

    await until(told)
    assert sorted(wiped) == ["EVENTS", "REVISIONS"]
    assert await bus.publish(SUBJECT, message(SUBJECT, "1"), timeout=5) == 1
    await nats_server.bounce()
    await answering(bus)
    assert len(wiped) == 2


async def test_a_wipe_that_could_not_be_handled_is_told_again(
    nats_server, bus, monkeypatch
) -> None:
    monkeypatch.setattr("shared.bus.keeper.LOOK_EVERY", 0.05)
    calls: list[str] = []

    async def tell(stream: str) -> None:
        calls.append(stream)
        if len(calls) == 1:
            raise ZeroDivisionError

    bus.on_wipe(tell)
    await bus.declare(streams.EVENTS)
    await nats_server.server.kill()
    shutil.rmtree(nats_server.data_dir / "jetstream")
    await nats_server.restart()

    async def told_twice() -> bool:
        return calls == ["EVENTS", "EVENTS"]

    await until(told_twice)


async def test_a_wipe_while_the_service_was_away_is_found_at_its_next_start(
    nats_server, connect_bus, tmp_path
) -> None:
    first = await connect_bus("admin", tmp_path / "state")
    await first.declare(streams.EVENTS)
    await first.close()
    await nats_server.server.kill()
    shutil.rmtree(nats_server.data_dir / "jetstream")
    await nats_server.restart()
    wiped: list[str] = []

    async def tell(stream: str) -> None:
        wiped.append(stream)

    second = await connect_bus("admin", tmp_path / "state")
    second.on_wipe(tell)
    await second.declare(streams.EVENTS)

    async def told() -> bool:
        return wiped == ["EVENTS"]

    await until(told)


async def test_a_stream_deleted_under_a_living_connection_is_declared_by_the_next_publish(
    bus,
) -> None:
    await bus.declare(streams.EVENTS)
    await bus._jetstream.call("STREAM.DELETE.EVENTS")
    assert await bus.publish(SUBJECT, message(SUBJECT, "1"), timeout=5) == 1


async def test_a_restart_of_the_server_loses_nothing_and_the_connection_comes_back(
    nats_server, bus
) -> None:
    await bus.declare(streams.EVENTS)
    await bus.publish(SUBJECT, message(SUBJECT, "1"), timeout=5)
    await nats_server.server.kill()
    before = time.monotonic()
    with pytest.raises(TransientError):
        await bus.publish(SUBJECT, message(SUBJECT, "2"))
    assert time.monotonic() - before < 1
    await nats_server.restart()
    await answering(bus)
    assert [item.envelope.id async for item in bus.read("EVENTS", "events.>")] == ["1"]


async def test_a_stopped_server_makes_a_publish_fail_fast(nats_server, bus) -> None:
    await bus.declare(streams.EVENTS)
    with frozen(nats_server.server.pid):
        for number in range(3):
            before = time.monotonic()
            with pytest.raises(Disconnected):
                await bus.publish(SUBJECT, message(SUBJECT, str(number)))
            assert time.monotonic() - before < 1
    # What the server took meanwhile and what is sent again are one message.
    for number in range(3):
        await bus.publish(SUBJECT, message(SUBJECT, str(number)), timeout=5)
    assert (await bus.state("EVENTS"))["messages"] == 3


async def test_a_stopped_server_does_not_make_us_hoard_what_it_does_not_read(
    nats_server, bus
) -> None:
    await bus.declare(streams.EVENTS)
    with frozen(nats_server.server.pid):
        refusals = set()
        for number in range(40):
            with pytest.raises(Disconnected) as caught:
                await bus.publish(
                    SUBJECT, message(SUBJECT, str(number), x="x" * 900_000), timeout=0.02
                )
            refusals.add(caught.value.message.partition(" does not read")[1])
        assert " does not read" in refusals


async def test_an_unanswered_ping_does_not_end_the_connection_for_later(nats_server, bus) -> None:
    with frozen(nats_server.server.pid), pytest.raises(Disconnected):
        await bus._connection.ping(0.1)
    await answering(bus)
    await bus.declare(streams.EVENTS)
    assert await bus.publish(SUBJECT, message(SUBJECT, "1"), timeout=5) == 1
    assert bus._connection.epoch == 1
