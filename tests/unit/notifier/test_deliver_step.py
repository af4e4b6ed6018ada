"""One order to one Provider, for as long as it takes."""

import pytest

from services.notifier.core.dedupe import delivery_id
from services.notifier.core.wire import Reply
from shared.errors import StalledError, TransientError
from tests.unit.notifier.conftest import settle
from tests.unit.notifier.objects import event, order, provider

KEY = ("apps", "hook")
ID = delivery_id("e-1", "p-1")
HOUR = 3600.0


@pytest.fixture
def due(world):
    world.catalog.put_provider(KEY, provider())
    return lambda **parts: order(accepted=world.clock.now(), **parts)


async def test_a_delivered_order_is_remembered_and_not_sent_again(world, due):
    await world.deliver.deliver(due())
    assert world.memory.ids == [ID]
    await world.deliver.deliver(due())
    assert len(world.channel.sent) == 1


async def test_a_transient_failure_is_tried_again_with_the_same_id(world, due):
    world.channel.answers = [Reply(status=500), TransientError("no connection"), Reply(status=503)]
    task = world.run(world.deliver.deliver(due()))
    await world.pass_time(30)
    assert task.done()
    assert {request.headers["webhook-id"] for request in world.channel.sent} == {ID}
    assert len(world.channel.sent) == 4
    assert world.letters.buried == {}


async def test_retry_after_is_waited_for(world, due):
    world.channel.answers = [Reply(status=429, retry_after="60")]
    world.run(world.deliver.deliver(due()))
    await world.pass_time(59)
    assert len(world.channel.sent) == 1
    await world.pass_time(2)
    assert len(world.channel.sent) == 2


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410])
async def test_a_refusal_is_a_dead_letter_at_once(world, due, status):
    world.channel.answers = [Reply(status=status)]
    await world.deliver.deliver(due())
    ((_, reason, attempts),) = world.letters.buried.values()
    assert str(status) in reason
    assert attempts == 1
    assert world.memory.ids == []


async def test_after_72_hours_it_is_a_dead_letter_with_the_last_fault(world, due):
    world.channel.answers = [Reply(status=500)] * 1000
    task = world.run(world.deliver.deliver(due()))
    await world.pass_time(71 * HOUR, step=900)
    assert not task.done()
    await world.pass_time(1.5 * HOUR, step=900)
    assert task.done()
    ((_, reason, attempts),) = world.letters.buried.values()
    assert reason.startswith("not delivered within 72 h")
    assert "500" in reason
    assert attempts > 100


async def test_a_change_of_the_provider_is_tried_at_once(world, due):
    world.channel.answers = [Reply(status=500)] * 12
    task = world.run(world.deliver.deliver(due()))
    await world.pass_time(HOUR, step=60)
    before = len(world.channel.sent)
    world.channel.answers = []
    world.catalog.put_provider(KEY, provider(address="https://example.com/new"))
    world.deliver.wake(KEY)
    await settle()
    assert task.done()
    assert world.channel.sent[before].url == "https://example.com/new"


async def test_the_delay_begins_anew_after_a_change_of_the_provider(world, due):
    world.channel.answers = [Reply(status=500)] * 1000
    world.run(world.deliver.deliver(due()))
    await world.pass_time(2 * HOUR, step=60)
    world.deliver.wake(KEY)
    await settle()
    before = len(world.channel.sent)
    await world.pass_time(10)
    assert len(world.channel.sent) >= before + 2


async def test_a_deleted_provider_makes_dead_letters(world, due):
    world.channel.answers = [Reply(status=500)] * 5
    task = world.run(world.deliver.deliver(due()))
    await settle()
    world.catalog.put_provider(KEY, None)
    world.deliver.wake(KEY)
    await settle()
    assert task.done()
    ((_, reason, _),) = world.letters.buried.values()
    assert reason == "the Provider was deleted"


async def test_a_provider_of_the_same_name_does_not_inherit(world, due):
    world.catalog.put_provider(KEY, provider(uid="p-2"))
    await world.deliver.deliver(due())
    assert world.channel.sent == []
    assert ID in world.letters.buried


async def test_a_suspended_provider_keeps_what_waits_until_it_is_resumed(world, due):
    world.catalog.put_provider(KEY, provider(suspend=True))
    task = world.run(world.deliver.deliver(due()))
    await world.pass_time(HOUR, step=60)
    assert world.channel.sent == []
    world.catalog.put_provider(KEY, provider())
    world.deliver.wake(KEY)
    await settle()
    assert task.done()
    assert len(world.channel.sent) == 1


async def test_what_waits_for_a_suspended_provider_is_buried_after_72_hours(world, due):
    world.catalog.put_provider(KEY, provider(suspend=True))
    world.run(world.deliver.deliver(due()))
    await world.pass_time(73 * HOUR, step=900)
    ((_, reason, _),) = world.letters.buried.values()
    assert "suspended" in reason


@pytest.mark.parametrize(
    "fault", [StalledError("the address may not be reached"), TransientError("no route")]
)
async def test_a_fault_of_the_configuration_holds_the_order_until_it_is_mended(world, due, fault):
    world.channel.answers = [fault]
    task = world.run(world.deliver.deliver(due()))
    await settle()
    assert world.letters.buried == {}
    await world.pass_time(3)
    assert task.done()
    assert world.memory.ids == [ID]


async def test_a_missing_token_is_waited_for(world, due):
    spec = {"type": "generic-hmac", "secretRef": {"name": "token"}}
    world.catalog.put_provider(KEY, provider(**spec))
    task = world.run(world.deliver.deliver(due()))
    await settle()
    assert world.channel.sent == []
    world.declarations.secrets["apps", "token"] = {"token": b"sesame"}
    await world.pass_time(3)
    assert task.done()
    assert "X-Signature" in world.channel.sent[0].headers


async def test_a_dead_letter_is_stored_as_soon_as_the_bus_is_back(world, due):
    world.channel.answers = [Reply(status=400)]
    world.letters.trouble = TransientError("NATS is away")
    task = world.run(world.deliver.deliver(due()))
    await world.pass_time(60)
    assert not task.done()
    world.letters.trouble = None
    await world.pass_time(3)
    assert task.done()
    assert ID in world.letters.buried


async def test_what_a_provider_does_not_take_is_neither_sent_nor_buried(world, due):
    world.catalog.put_provider(KEY, provider(type="slack"))
    await world.deliver.deliver(due(sent=event(metadata={"commit_status": "update"})))
    assert world.channel.sent == []
    assert world.letters.buried == {}


async def test_it_tells_how_deliveries_go(world, due):
    world.channel.answers = [Reply(status=500)]
    world.run(world.deliver.deliver(due()))
    await world.pass_time(3)
    told = [world.deliver.outlooks.get_nowait().trouble for _ in range(2)]
    assert "500" in told[0]
    assert told[1] == ""


async def test_every_end_is_counted_and_a_dead_letter_is_shown_to_people(world, due):
    world.channel.answers = [Reply(status=500), Reply(status=400), Reply(status=200)]
    world.run(world.deliver.deliver(due()))
    await world.pass_time(3)
    await world.deliver.deliver(due(id_="e-2"))
    assert world.witness.results == ["failed", "buried", "delivered"]
    (found,) = world.witness.recorded
    assert (found.reason, found.severity) == ("NotificationDispatchFailed", "error")
    assert (found.involved_object.kind, found.involved_object.name) == ("Alert", "alert")
    assert "Kustomization/apps/podinfo" in found.message
    assert "400" in found.message
