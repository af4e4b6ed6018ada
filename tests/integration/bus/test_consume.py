import asyncio
import shutil
import time
from contextlib import AsyncExitStack

import pytest

from shared.bus import Ack, Nak, NoStream, Term, streams
from shared.errors import MalformedError, StalledError, TransientError, WaitingError
from shared.messages import DeadLetter, encode
from tests.fixtures.freeze import frozen
from tests.fixtures.nats import Inbox, answering, cut_off, message, running, until

SUBJECT = "events.local.info.Kustomization.ns.a.b"


async def publish(bus, *ids: str, subject: str = SUBJECT) -> None:
    for id_ in ids:
        await bus.publish(subject, message(subject, id_), timeout=5)


def consuming(bus, handler, **options):
    settings = {"durable": "notifier", "filters": ["events.>"], **options}
    return running(bus.consume("EVENTS", handler=handler, **settings))


async def waiting(bus) -> int:
    try:
        info = await bus._jetstream.call("CONSUMER.INFO.EVENTS.notifier")
    except NoStream:  # the consumer is being made
        return -1
    return int(info["num_ack_pending"] + info["num_pending"])


async def done(bus) -> None:
    async def condition() -> bool:
        return await waiting(bus) == 0

    await until(condition)


async def letters(bus, number: int) -> list[DeadLetter]:
    async def condition() -> bool:
        return (await bus.state("DEADLETTERS"))["messages"] >= number

    await until(condition)
    found = [item async for item in bus.read("DEADLETTERS", "deadletters.>")]
    return [DeadLetter.model_validate(item.envelope.payload) for item in found]


async def killed(process, inbox: Inbox, count: int) -> None:
    """
    Let a process be killed when it has been handed so many messages, holding the last one.
    """

    async def hanging(received):
        outcome = await inbox(received)
        if len(inbox.received) == count:
            await asyncio.Event().wait()
        return outcome

    async with consuming(process, hanging) as task:
        await inbox.count(count)
        cut_off(process)
        task.cancel()
    await process.close()


@pytest.fixture
async def bus(connect_bus):
    bus = await connect_bus("admin")
    await bus.declare(*streams.ALL)
    return bus


async def test_messages_come_once_and_in_order_and_an_ack_ends_them(bus) -> None:
    await publish(bus, "1", "2", "3")
    inbox = Inbox()
    async with consuming(bus, inbox):
        await inbox.count(3)
        await done(bus)
        await publish(bus, "4")
        await inbox.count(4)
        await done(bus)
    assert inbox.ids == ["1", "2", "3", "4"]
    assert [received.stream_sequence for received in inbox.received] == [1, 2, 3, 4]
    assert {received.attempts for received in inbox.received} == {1}
    again = Inbox()
    async with consuming(bus, again):
        await publish(bus, "5")
        await again.count(1)
    assert again.ids == ["5"]


async def test_a_service_consumes_with_no_more_rights_than_its_user_has(bus, connect_bus) -> None:
    await publish(bus, "1")
    inbox = Inbox()
    async with consuming(await connect_bus("notifier"), inbox):
        await inbox.count(1)
        await done(bus)


async def test_a_nak_brings_a_message_back_after_its_delay_and_does_not_hold_up_others(bus) -> None:
    await publish(bus, "1", "2")
    inbox = Inbox(Nak(0.5))
    before = time.monotonic()
    async with consuming(bus, inbox):
        await inbox.count(3)
        assert time.monotonic() - before >= 0.5
        await done(bus)
    assert inbox.ids == ["1", "2", "1"]
    assert inbox.received[-1].attempts == 2


@pytest.mark.parametrize(
    "error",
    [TransientError("later", retry_after=0.05), WaitingError("later", retry_after=0.05)],
)
async def test_a_failure_that_may_pass_brings_the_message_back(bus, error) -> None:
    await publish(bus, "1")
    inbox = Inbox(error)
    async with consuming(bus, inbox):
        await inbox.count(2)
        await done(bus)
    assert inbox.ids == ["1", "1"]


async def test_a_stalled_failure_ends_the_message(bus) -> None:
    await publish(bus, "1", "2")
    inbox = Inbox(StalledError("say so in the status"))
    async with consuming(bus, inbox):
        await inbox.count(2)
        await done(bus)
    assert inbox.ids == ["1", "2"]
    assert (await bus.state("DEADLETTERS"))["messages"] == 0


@pytest.mark.parametrize("answer", [Term("no such address"), MalformedError("no such address")])
async def test_what_nobody_can_handle_becomes_a_dead_letter_with_its_reason(bus, answer) -> None:
    await publish(bus, "1", "2")
    inbox = Inbox(answer)
    async with consuming(bus, inbox):
        await inbox.count(2)
        (letter,) = await letters(bus, 1)
        await done(bus)
    assert letter.reason == "no such address"
    assert letter.attempts == 1
    assert letter.subject == SUBJECT
    assert letter.original() == encode(inbox.received[0].envelope)
    found = [item async for item in bus.read("DEADLETTERS", "deadletters.>")]
    assert found[0].subject == "deadletters.local.events.info.Kustomization.ns.a.b"


async def test_a_message_that_is_no_envelope_is_put_aside_and_its_siblings_flow(bus) -> None:
    await publish(bus, "1")
    await bus.publish_raw(SUBJECT, b"\xff\xfe not json", "2", within=5)
    await publish(bus, "3")
    inbox = Inbox()
    async with consuming(bus, inbox):
        await inbox.count(2)
        (letter,) = await letters(bus, 1)
        await done(bus)
    assert inbox.ids == ["1", "3"]
    assert letter.original() == b"\xff\xfe not json"
    assert "no envelope" in letter.reason


async def test_a_newer_message_is_held_and_not_put_aside(bus) -> None:
    newer = message(SUBJECT, "1").model_copy(update={"version": 2})
    await bus.publish(SUBJECT, newer, timeout=5)
    await publish(bus, "2")
    inbox = Inbox()
    async with consuming(bus, inbox):
        await inbox.count(1)

        async def condition() -> bool:
            return await waiting(bus) == 1

        await until(condition)
    assert inbox.ids == ["2"]
    assert (await bus.state("DEADLETTERS"))["messages"] == 0


async def test_a_message_that_always_breaks_its_handler_is_put_aside_after_five_times(
    bus, monkeypatch
) -> None:
    monkeypatch.setattr("shared.bus.outcome.FIRST_DELAY", 0.01)
    await publish(bus, "bad", "good")
    inbox = Inbox()

    async def handler(received):
        await inbox(received)
        if received.envelope.id == "bad":
            raise ZeroDivisionError("hunter2")
        return Ack()

    async with consuming(bus, handler):
        (letter,) = await letters(bus, 1)
        await done(bus)
    assert inbox.ids.count("bad") == 5
    assert inbox.ids.count("good") == 1
    assert letter.attempts == 5
    assert "ZeroDivisionError" in letter.reason
    assert "hunter2" not in letter.reason


@pytest.mark.parametrize("options", [{"ack_wait": 0.3}, {"takes_over": True}])
async def test_a_message_that_ends_the_process_is_put_aside_after_some_restarts(
    bus, connect_bus, tmp_path, options
) -> None:
    await publish(bus, "bad", "good")
    handled = 0
    for _ in range(10):
        process = await connect_bus("notifier", tmp_path / "state")
        dying = asyncio.Event()

        async def handler(received, dying=dying):
            if received.envelope.id == "bad":
                dying.set()
                await asyncio.Event().wait()
            return Ack()

        async with consuming(process, handler, **options) as task:
            waits = asyncio.create_task(dying.wait())
            await asyncio.wait({waits}, timeout=10)
            died = waits.done()
            waits.cancel()
            cut_off(process)
            task.cancel()
        await process.close()
        if not died:
            break
        handled += 1
    assert handled == 6
    (letter,) = await letters(bus, 1)
    assert "ended its process" in letter.reason


async def test_what_a_killed_process_held_is_taken_over_at_once_and_before_what_came_later(
    bus, connect_bus
) -> None:
    await publish(bus, "1")
    await killed(await connect_bus("notifier"), Inbox(), 1)
    await publish(bus, "2")
    inbox = Inbox()
    async with consuming(await connect_bus("notifier"), inbox, takes_over=True):
        await inbox.count(2)
        await done(bus)
    assert [(one.envelope.id, one.attempts) for one in inbox.received] == [("1", 2), ("2", 1)]


async def test_what_was_held_when_it_came_again_is_taken_over_too(bus, connect_bus) -> None:
    await publish(bus, "1", "2")
    before = Inbox(Nak(0.2))
    await killed(await connect_bus("notifier"), before, 3)
    assert before.ids == ["1", "2", "1"]
    await publish(bus, "3")
    inbox = Inbox()
    async with consuming(await connect_bus("notifier"), inbox, takes_over=True):
        await inbox.count(2)
        await done(bus)
    assert inbox.ids == ["1", "3"]


async def test_what_is_answered_is_not_taken_over_where_something_older_waits(
    bus, connect_bus
) -> None:
    await publish(bus, "waits", "bad", "good")
    answers = Nak(600), Term("bad"), Ack()
    for _ in range(3):
        inbox = Inbox(*answers)
        async with consuming(await connect_bus("notifier"), inbox, takes_over=True):
            await inbox.count(len(answers))
            await until(lambda: _pulling(bus))
        answers = (Nak(600),)
    assert inbox.ids == ["waits"]
    assert len(await letters(bus, 1)) == 1


async def test_what_was_held_after_a_restart_of_nats_is_taken_over(
    nats_server, bus, connect_bus
) -> None:
    await publish(bus, "1", "2")
    process, inbox, held = await connect_bus("notifier"), Inbox(), asyncio.Event()

    async def hanging(received):
        outcome = await inbox(received)
        if len(inbox.received) == 1:
            await nats_server.bounce()
            await answering(process)  # so that the answer arrives
        if received.envelope.id == "3":
            held.set()
            await asyncio.Event().wait()
        return outcome

    async with consuming(process, hanging) as task:
        await inbox.count(2)
        await answering(bus)
        await publish(bus, "3")
        async with asyncio.timeout(20):
            await held.wait()
        cut_off(process)
        task.cancel()
    await process.close()
    after = Inbox()
    async with consuming(await connect_bus("notifier"), after, takes_over=True):
        await after.count(1)
        await done(bus)
    assert after.ids == ["3"]


async def test_nothing_is_taken_over_where_all_is_answered(bus, connect_bus) -> None:
    await publish(bus, "1")
    for expected in (["1"], []):
        inbox = Inbox()
        async with consuming(await connect_bus("notifier"), inbox, takes_over=True):
            await inbox.count(len(expected))
            await done(bus)
            await until(lambda: _pulling(bus))
        assert inbox.ids == expected


async def test_a_message_in_hand_at_many_polite_ends_is_not_put_aside(
    bus, connect_bus, tmp_path
) -> None:
    await publish(bus, "1")
    for _ in range(8):
        process, inbox = await connect_bus("notifier", tmp_path / "state"), Inbox()

        async def hanging(received, inbox=inbox):
            await inbox(received)
            await asyncio.Event().wait()

        async with consuming(process, hanging):
            await inbox.count(1)
        await process.close()
    async with consuming(await connect_bus("notifier", tmp_path / "state"), inbox):
        await done(bus)
    assert inbox.ids == ["1", "1"]


async def test_a_handler_that_is_cancelled_from_within_does_not_end_the_consumer(bus) -> None:
    await publish(bus, "1", "2")
    inbox = Inbox()

    async def handler(received):
        await inbox(received)
        if received.attempts == 1 and received.envelope.id == "1":
            raise asyncio.CancelledError
        return Ack()

    async with consuming(bus, handler):
        await inbox.count(3)
        await done(bus)
    assert inbox.ids == ["1", "2", "1"]


async def test_a_dead_provider_holds_up_no_other_and_leaves_with_its_durable(connect_bus) -> None:
    notifier = await connect_bus("notifier")
    await notifier.declare(*streams.DECLARED_BY["notifier"])
    for provider in ("dead", "well"):
        for number in range(20):
            subject = f"deliveries.local.ns.{provider}.x"
            await publish(notifier, f"{provider}{number}", subject=subject)
    dead, well = Inbox(*[Nak(60)] * 20), Inbox()
    inboxes = {"dead": dead, "well": well}
    async with AsyncExitStack() as stack:
        for provider, inbox in inboxes.items():
            await stack.enter_async_context(
                running(
                    notifier.consume(
                        "DELIVERIES",
                        durable=f"ns_{provider}-uid",
                        filters=[f"deliveries.*.ns.{provider}.x"],
                        handler=inbox,
                    )
                )
            )
        await dead.count(20)
        await well.count(20)
    assert sorted(await notifier.durables("DELIVERIES")) == ["ns_dead-uid", "ns_well-uid"]
    await notifier.forget("DELIVERIES", "ns_dead-uid")
    assert await notifier.durables("DELIVERIES") == ["ns_well-uid"]

    async def only_the_dead_ones_are_left() -> bool:
        left = [item.envelope.id async for item in notifier.read("DELIVERIES", "deliveries.>")]
        return left == [f"dead{number}" for number in range(20)]

    await until(only_the_dead_ones_are_left)


async def test_a_slow_handler_keeps_its_message(bus) -> None:
    await publish(bus, "1")
    inbox = Inbox()

    async def slow(received):
        await inbox(received)
        await asyncio.sleep(5)
        return Ack()

    async with consuming(bus, slow, ack_wait=2), consuming(bus, slow, ack_wait=2):
        await inbox.count(1)
        await done(bus)
    assert inbox.ids == ["1"]


async def test_a_cancelled_handler_gives_its_message_back_at_once(bus) -> None:
    await publish(bus, "1")
    inbox = Inbox()

    async def hanging(received):
        await inbox(received)
        await asyncio.Event().wait()

    async with consuming(bus, hanging):
        await inbox.count(1)
    again = Inbox()
    async with consuming(bus, again):
        await again.count(1)
    assert again.received[0].attempts == 2


async def test_a_cancelled_pull_swallows_no_message(bus) -> None:
    for number in range(3):
        async with consuming(bus, Inbox()):
            await bus.ping()
            await until(lambda: _pulling(bus))
        await publish(bus, str(number))
        inbox = Inbox()
        async with consuming(bus, inbox):
            await inbox.count(1)
            await done(bus)
        assert inbox.ids == [str(number)]


async def _pulling(bus) -> bool:
    try:
        info = await bus._jetstream.call("CONSUMER.INFO.EVENTS.notifier")
    except TransientError:
        return False
    return int(info["num_waiting"]) > 0


async def test_a_reader_of_the_present_gets_the_last_message_of_each_subject(bus) -> None:
    for name in ("a", "b"):
        subject = f"events.local.info.Kustomization.ns.{name}"
        await publish(bus, f"{name}1", f"{name}2", subject=subject)
    inbox = Inbox()
    async with consuming(bus, inbox, durable=None, deliver="last_per_subject"):
        await inbox.count(2)
    assert sorted(inbox.ids) == ["a2", "b2"]


async def test_a_reader_of_the_future_gets_nothing_old(bus) -> None:
    await publish(bus, "old")
    inbox = Inbox()
    async with consuming(bus, inbox, deliver="new"):
        await until(lambda: _pulling(bus))
        await publish(bus, "new")
        await inbox.count(1)
    assert inbox.ids == ["new"]


async def test_two_services_share_the_work_queue_by_kind(bus) -> None:
    source, reconciler = Inbox(), Inbox()
    async with (
        running(
            bus.consume(
                "COMMANDS",
                durable="source",
                filters=["commands.*.GitRepository.>"],
                handler=source,
            )
        ),
        running(
            bus.consume(
                "COMMANDS",
                durable="reconciler",
                filters=["commands.*.Kustomization.>", "commands.*.HelmRelease.>"],
                handler=reconciler,
            )
        ),
    ):
        await publish(bus, "1", subject="commands.local.GitRepository.ns.a")
        await publish(bus, "2", subject="commands.local.Kustomization.ns.a")
        await source.count(1)
        await reconciler.count(1)
    assert (source.ids, reconciler.ids) == (["1"], ["2"])


async def test_a_consumer_waits_for_a_stream_that_nobody_has_declared_yet(
    nats_server, connect_bus
) -> None:
    source, notifier = await connect_bus("source"), await connect_bus("notifier")
    inbox = Inbox()
    async with running(
        source.consume(
            "COMMANDS", durable="source", filters=["commands.*.GitRepository.>"], handler=inbox
        )
    ):
        await source.ping()
        await notifier.declare(streams.COMMANDS)
        await publish(notifier, "1", subject="commands.local.GitRepository.ns.a")
        await inbox.count(1)


async def test_a_restart_during_a_pull_costs_at_most_five_seconds(nats_server, bus) -> None:
    inbox = Inbox()
    async with consuming(bus, inbox):
        await until(lambda: _pulling(bus))
        await nats_server.bounce()
        back = time.monotonic()
        await answering(bus)
        await publish(bus, "1")
        await inbox.count(1)
        assert time.monotonic() - back < 5


async def test_a_stopped_server_holds_nothing_up_once_it_goes_on(nats_server, bus) -> None:
    inbox = Inbox()
    async with consuming(bus, inbox):
        await publish(bus, "1")
        await inbox.count(1)
        with frozen(nats_server.server.pid), pytest.raises(TransientError):
            await bus.publish(SUBJECT, message(SUBJECT, "2"))
        await publish(bus, "2", "3")
        await inbox.count(3)
    assert inbox.ids == ["1", "2", "3"]


async def test_a_wiped_stream_is_declared_again_and_its_consumer_goes_on(nats_server, bus) -> None:
    wiped: list[str] = []

    async def tell(stream: str) -> None:
        wiped.append(stream)

    bus.on_wipe(tell)
    inbox = Inbox()
    async with consuming(bus, inbox):
        await publish(bus, "1")
        await inbox.count(1)
        await nats_server.server.kill()
        shutil.rmtree(nats_server.data_dir / "jetstream")
        await nats_server.restart()
        await answering(bus)
        await publish(bus, "2")
        await inbox.count(2)

        async def told() -> bool:
            return "EVENTS" in wiped

        await until(told)
    assert inbox.ids == ["1", "2"]


async def test_a_deleted_consumer_is_made_again(bus) -> None:
    inbox = Inbox()
    async with consuming(bus, inbox):
        await until(lambda: _pulling(bus))
        await bus.forget("EVENTS", "notifier")
        await publish(bus, "1")
        await inbox.count(1)


async def test_durables_are_listed_and_forgotten(bus) -> None:
    async with consuming(bus, Inbox()):
        await until(lambda: _pulling(bus))
    assert await bus.durables("EVENTS") == ["notifier"]
    await bus.forget("EVENTS", "notifier")
    await bus.forget("EVENTS", "notifier")
    assert await bus.durables("EVENTS") == []


async def test_a_dead_letter_is_removed_by_the_command_line_and_by_nobody_else(
    bus, connect_bus
) -> None:
    await publish(bus, "1")
    async with consuming(bus, Inbox(Term("no"))):
        await letters(bus, 1)
    cli = await connect_bus("cli")
    (found,) = [item async for item in cli.read("DEADLETTERS", "deadletters.>")]
    await cli.remove("DEADLETTERS", found.stream_sequence)
    assert (await cli.state("DEADLETTERS"))["messages"] == 0
