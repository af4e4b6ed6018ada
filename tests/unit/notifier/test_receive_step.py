"""A call that is genuine makes its objects look."""

import hashlib
import hmac

import pytest

from services.notifier.core.hooks import hook_of
from shared.errors import TransientError
from tests.unit.notifier.conftest import settle
from tests.unit.notifier.objects import receiver

BODY = b"{}"
SIGNED = {"x-signature": ["sha256=" + hmac.digest(b"sesame", BODY, hashlib.sha256).hex()]}
APP = ("GitRepository", "apps", "app")


@pytest.fixture
def call(world):
    def put(**spec):
        hook = hook_of(receiver(**spec), {"token": b"sesame"})
        world.catalog.put_hook(("apps", "push"), hook)

        async def send(headers=SIGNED, body=BODY, path=hook.path):
            return (await world.receive.receive(path, headers, body)).status

        return send

    return put


async def test_a_genuine_call_makes_the_source_look(world, call):
    assert await call()() == 200
    assert world.bus.looks == [APP]


async def test_a_call_that_is_not_genuine_touches_neither_bus_nor_api(world, call):
    assert await call()(headers={}) == 400
    assert world.bus.looks == []
    assert world.declarations.reads == 0


async def test_an_unknown_path_is_not_found(world, call):
    assert await call()(path="/hook/" + "0" * 64) == 404


async def test_a_suspended_receiver_answers_503(world, call):
    assert await call(suspend=True)() == 503
    assert world.bus.looks == []


async def test_a_hundred_calls_make_two_looks(world, call):
    world.run(world.receive.run())
    send = call()
    assert {await send() for _ in range(100)} == {200}
    assert world.bus.looks == [APP]
    await world.pass_time(5)
    assert world.bus.looks == [APP, APP]
    await world.pass_time(60)
    assert len(world.bus.looks) == 2


async def test_without_the_bus_the_forge_is_asked_to_come_again(world, call):
    send = call()
    world.bus.trouble = TransientError("NATS is away")
    assert await send() == 503
    world.bus.trouble = None
    assert await send() == 200
    assert world.bus.looks == [APP]


async def test_a_promised_look_is_asked_for_until_the_bus_is_back(world, call):
    world.run(world.receive.run())
    send = call()
    await send()
    await send()
    world.bus.trouble = TransientError("NATS is away")
    await world.pass_time(20)
    assert world.bus.looks == [APP]
    world.bus.trouble = None
    await world.pass_time(2)
    assert world.bus.looks == [APP, APP]


async def test_after_a_start_each_source_looks_once_for_the_calls_that_were_missed(world, call):
    call()
    other = hook_of(receiver(name="other"), {"token": b"sesame"})
    world.catalog.put_hook(("apps", "other"), other)
    world.bus.trouble = TransientError("NATS is away")
    world.run(world.receive.catch_up())
    await world.pass_time(3)
    world.bus.trouble = None
    await world.pass_time(1)
    assert world.bus.looks == [APP]


async def test_the_first_call_after_a_start_is_heard_at_once(world, call):
    send = call()
    await world.receive.catch_up()
    assert await send() == 200
    assert world.bus.looks == [APP, APP]


async def test_a_suspended_receiver_misses_no_calls(world, call):
    call(suspend=True)
    await world.receive.catch_up()
    assert world.bus.looks == []


async def test_labels_choose_among_the_objects(world, call):
    for name, team in (("one", "red"), ("two", "blue"), ("three", "red")):
        world.declarations.put(
            {
                "kind": "GitRepository",
                "metadata": {"name": name, "namespace": "apps", "labels": {"team": team}},
            }
        )
    send = call(resources=[{"kind": "GitRepository", "name": "*", "matchLabels": {"team": "red"}}])
    assert await send() == 200
    assert [name for _, _, name in world.bus.looks] == ["one", "three"]


async def test_labels_that_match_nothing_are_no_error(world, call):
    send = call(resources=[{"kind": "GitRepository", "name": "*", "matchLabels": {"team": "red"}}])
    assert await send() == 200


async def test_a_bad_entry_answers_500_after_the_others_were_told(world, call):
    send = call(
        resources=[
            {"kind": "HelmRepository", "name": "x"},
            {"kind": "GitRepository", "name": "app"},
        ]
    )
    assert await send() == 500
    assert world.bus.looks == [APP]


async def test_the_api_server_being_away_answers_503(world, call):
    send = call(resources=[{"kind": "GitRepository", "name": "*", "matchLabels": {"team": "red"}}])
    world.declarations.trouble = TransientError("away")
    assert await send() == 503
    await settle()
