import asyncio
import re

import pytest

from shared.bus import BusForbidden, streams
from shared.bus.users import USERS
from tests.fixtures.nats import message

OWN = {
    "source": [
        "revisions.c.GitRepository.n.x",
        "events.c.info.GitRepository.n.x",
        "events.c.error.Lease.n.setpoint-source",
    ],
    "reconciler": [
        "events.c.error.Kustomization.n.x",
        "events.c.error.Lease.n.setpoint-reconciler",
        "commands.c.GitRepository.n.x",
    ],
    "notifier": ["events.c.info.Lease.n.x", "commands.c.GitRepository.n.x", "deliveries.c.n.x"],
    "cli": ["deliveries.c.n.x", "commands.c.GitRepository.n.x"],
}
FOREIGN = {
    "source": [
        "commands.c.GitRepository.n.x",
        "events.c.info.Kustomization.n.x",
        "events.c.error.Lease.n.setpoint-reconciler",
        "deliveries.c.n.x",
        "$KV.RECEIPTS.x",
        "$JS.API.STREAM.CREATE.EVENTS",
        "$JS.API.STREAM.PURGE.EVENTS",
        "$JS.API.CONSUMER.CREATE.EVENTS.notifier",
        "$JS.API.CONSUMER.MSG.NEXT.DELIVERIES.x",
        "$JS.API.DIRECT.GET.KV_RECEIPTS",
    ],
    "reconciler": [
        "revisions.c.GitRepository.n.x",
        "$O.artifacts.C.x",
        "$O.artifacts.M.x",
        "events.c.info.GitRepository.n.x",
        "commands.c.Kustomization.n.x",
        "deliveries.c.n.x",
        "$JS.API.STREAM.PURGE.OBJ_artifacts",
        "$JS.API.STREAM.UPDATE.REVISIONS",
        "$JS.API.CONSUMER.MSG.NEXT.COMMANDS.source",
    ],
    "notifier": [
        "revisions.c.GitRepository.n.x",
        "$O.artifacts.C.x",
        "$KV.RECEIPTS.x",
        "$JS.API.DIRECT.GET.OBJ_artifacts",
        "$JS.API.STREAM.PURGE.REVISIONS",
        "$JS.API.CONSUMER.MSG.NEXT.COMMANDS.source",
        "$JS.ACK.COMMANDS.source.1.1.1.1.0",
    ],
    "cli": [
        "$O.artifacts.C.x",
        "$KV.RECEIPTS.x",
        "$JS.API.STREAM.DELETE.EVENTS",
        "$JS.API.STREAM.PURGE.DEADLETTERS",
        "$JS.API.STREAM.MSG.DELETE.EVENTS",
        "$JS.API.CONSUMER.CREATE.EVENTS.notifier",
        "$JS.ACK.EVENTS.notifier.1.1.1.1.0",
        "_INBOX.notifier.x",
    ],
}


async def declared(connect_bus) -> None:
    for user, specs in streams.DECLARED_BY.items():
        await (await connect_bus(user)).declare(*specs)


@pytest.mark.parametrize("user", OWN)
async def test_each_user_may_write_its_own_subjects(connect_bus, user) -> None:
    await declared(connect_bus)
    bus = await connect_bus(user)
    for subject in OWN[user]:
        assert await bus.publish(subject, message(subject, f"{user}{subject}"), timeout=5) > 0


@pytest.mark.parametrize("user", FOREIGN)
async def test_each_user_is_refused_what_is_not_its_own_at_once_and_clearly(
    connect_bus, user
) -> None:
    await declared(connect_bus)
    bus = await connect_bus(user)
    for subject in FOREIGN[user]:
        with pytest.raises(BusForbidden, match=f"user '{user}' publish on {re.escape(subject)}"):
            async with asyncio.timeout(5):
                await bus._connection.request(subject, b"{}", within=5)
    assert bus.connected


@pytest.mark.parametrize("user", [user for user in USERS if user != "admin"])
async def test_nobody_hears_what_is_meant_for_another(connect_bus, user) -> None:
    bus = await connect_bus(user)
    heard: list[str] = []

    async def hear(received) -> None:
        heard.append(received.subject)

    for subject in (">", "_INBOX.>", "_INBOX.admin.>", "events.>", "$KV.>"):
        await bus._connection._client.subscribe(subject, cb=hear)
    other = await connect_bus("admin")
    await bus.ping()
    for subject in ("events.local.info.K.n.x", "_INBOX.admin.x", "$KV.RECEIPTS.a"):
        await other._connection.send(subject, b"secret")
    await other.ping()
    await bus.ping()
    assert heard == []


async def test_a_user_without_a_password_is_not_let_in(nats_server) -> None:
    import dataclasses

    from shared.bus import Bus

    settings = dataclasses.replace(nats_server.settings("admin"), password_file=None)
    bus = await Bus.connect(dataclasses.replace(settings, connect_wait=0.3))
    assert not bus.connected
    await bus.close()
