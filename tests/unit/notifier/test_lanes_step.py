"""A lane for each Provider, and one for what waits for a Provider that is gone."""

import pytest

from services.notifier.core.wire import Reply
from services.notifier.lanes import Lanes
from shared.errors import TransientError
from tests.unit.notifier.conftest import settle
from tests.unit.notifier.objects import order, provider


@pytest.fixture
def lanes(world):
    found = Lanes(world.catalog, world.letters, world.deliver.deliver)

    async def sees(*providers):
        for old in list(world.catalog.providers):
            key = (old.metadata.namespace, old.metadata.name)
            world.catalog.put_provider(key, None)
            world.deliver.wake(key)
        for new in providers:
            world.catalog.put_provider((new.metadata.namespace, new.metadata.name), new)
        found.changed()
        await settle()

    found.sees = sees
    return found


async def put(world, *orders):
    for number, found in enumerate(orders):
        id_ = f"{found.provider_name}-{number}"
        await world.letters.enqueue(found, id_=id_, trace="")
    await settle()


async def test_a_dead_provider_delays_nobody_else(world, lanes):
    world.catalog.put_provider(("apps", "hook"), provider())
    world.catalog.put_provider(("apps", "fine"), provider("fine", uid="p-2", address="http://fine"))
    world.channel.answers = [Reply(status=500)]
    world.run(lanes.run())
    await put(world, order(id_="e-1"))
    await put(world, *(order(id_=f"e-{n}", to="fine", uid="p-2") for n in range(5)))
    assert [request.url for request in world.channel.sent].count("http://fine") == 5
    assert len(world.letters.waiting) == 1


async def test_order_is_kept_while_a_provider_fails(world, lanes):
    world.catalog.put_provider(("apps", "hook"), provider())
    world.channel.answers = [Reply(status=500), Reply(status=500)]
    world.run(lanes.run())
    accepted = world.clock.now()
    await put(world, *(order(id_=f"e-{n}", accepted=accepted) for n in range(3)))
    await world.pass_time(10)
    ids = [request.headers["webhook-id"] for request in world.channel.sent]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 3
    assert world.letters.waiting == {}


async def test_a_provider_that_goes_takes_its_durable_along_and_leaves_dead_letters(world, lanes):
    world.catalog.put_provider(("apps", "hook"), provider())
    world.channel.answers = [Reply(status=500)] * 9
    world.run(lanes.run())
    accepted = world.clock.now()
    await put(world, *(order(id_=f"e-{n}", accepted=accepted) for n in range(3)))
    await lanes.sees()
    assert len(world.letters.buried) == 3
    assert ("apps", "p-1") not in world.letters.durables


async def test_what_waits_for_a_provider_that_went_while_nobody_looked_is_buried(world, lanes):
    await put(world, order(to="gone", uid="p-9"))
    world.run(lanes.run())
    await settle()
    ((_, reason, _),) = world.letters.buried.values()
    assert reason == "the Provider was deleted"


async def test_a_provider_that_is_made_anew_gets_a_new_lane(world, lanes):
    world.catalog.put_provider(("apps", "hook"), provider())
    world.run(lanes.run())
    await settle()
    await lanes.sees(provider(uid="p-2"))
    assert world.letters.durables == {("apps", "p-2")}
    await put(world, order(uid="p-2"))
    assert len(world.channel.sent) == 1


async def test_lanes_wait_for_the_bus(world, lanes, monkeypatch):
    monkeypatch.setattr("services.notifier.lanes._RETRY", 0)
    world.catalog.put_provider(("apps", "hook"), provider())
    world.letters.trouble = TransientError("NATS is away")
    world.run(lanes.run())
    await settle()
    assert repr(lanes) == "Lanes(0 open)"
    world.letters.trouble = None
    lanes.changed()
    await settle()
    assert repr(lanes) == "Lanes(1 open)"
