import dataclasses
import os
import signal
import time

import pytest

from shared.bus import Bus, BusSettings, Disconnected, streams
from shared.errors import StalledError
from tests.fixtures.freeze import frozen
from tests.fixtures.nats import answering, message, until

SUBJECT = "events.local.info.Kustomization.ns.a"


async def test_a_service_starts_while_nats_is_away_and_heals_when_it_comes(
    nats_server, connect_bus
) -> None:
    await nats_server.server.kill()
    settings = dataclasses.replace(nats_server.settings("notifier"), connect_wait=0.1)
    bus = await Bus.connect(settings)
    try:
        assert not bus.connected
        assert "down" in repr(bus)
        await bus.declare(*streams.DECLARED_BY["notifier"])
        with pytest.raises(Disconnected):
            await bus.publish(SUBJECT, message(SUBJECT, "1"))
        with pytest.raises(Disconnected):
            await bus.ping()
        await nats_server.restart()

        async def works() -> bool:
            try:
                return await bus.publish(SUBJECT, message(SUBJECT, "1"), timeout=2) == 1
            except Disconnected:
                return False

        await until(works)
        assert "up" in repr(bus)
    finally:
        await bus.close()


async def test_a_server_that_accepts_connections_and_says_nothing_does_not_hold_a_start(
    nats_server,
) -> None:
    settings = dataclasses.replace(nats_server.settings("notifier"), connect_wait=0.2)
    with frozen(nats_server.server.pid):
        before = time.monotonic()
        bus = await Bus.connect(settings)
        assert time.monotonic() - before < 2

    async def works() -> bool:
        return bus.connected

    await until(works)
    await bus.close()


async def test_a_stopped_server_is_noticed_by_pings_and_found_again(
    nats_server, connect_bus, monkeypatch
) -> None:
    monkeypatch.setattr("shared.bus.connection.PING_INTERVAL", 0.2)
    bus = await connect_bus("admin")

    async def noticed() -> bool:
        return not bus.connected

    with frozen(nats_server.server.pid):
        await until(noticed)
        with pytest.raises(Disconnected):
            await bus.publish(SUBJECT, message(SUBJECT, "1"))
    await answering(bus)
    await bus.declare(streams.EVENTS)
    assert await bus.publish(SUBJECT, message(SUBJECT, "1"), timeout=5) == 1


async def test_an_address_that_can_never_work_ends_the_start() -> None:
    with pytest.raises(StalledError, match="nats://host:port"):
        await Bus.connect(BusSettings(url="nats://127.0.0.1:notaport", user="source"))


async def test_closing_does_not_wait_for_a_stopped_server(nats_server) -> None:
    bus = await Bus.connect(nats_server.settings("notifier"))
    with frozen(nats_server.server.pid):
        before = time.monotonic()
        await bus.close()
        assert time.monotonic() - before < 6


async def test_a_wrong_password_never_connects_and_a_mended_one_does(nats_server, tmp_path) -> None:
    password = tmp_path / "password"
    password.write_text("wrong")
    settings = dataclasses.replace(
        nats_server.settings("notifier"), password_file=password, connect_wait=0.5
    )
    bus = await Bus.connect(settings)
    try:
        assert not bus.connected
        password.write_text(nats_server.server.password_file("notifier").read_text())

        async def works() -> bool:
            return bus.connected

        await until(works)
    finally:
        await bus.close()


async def test_a_revoked_user_is_told_that_only_a_new_process_helps(nats_server, bus) -> None:
    config = nats_server.data_dir / "nats.conf"
    old = nats_server.server.password_file("admin").read_text().strip()
    config.write_text(config.read_text().replace(old, "another"))
    os.kill(nats_server.server.pid, signal.SIGHUP)

    async def closed() -> bool:
        return bus.closed.is_set()

    await until(closed)
    assert not bus.connected
    with pytest.raises(Disconnected):
        await bus.publish(SUBJECT, message(SUBJECT, "1"))


async def test_a_password_in_the_address_lets_us_in_and_is_never_shown(nats_server) -> None:
    settings = dataclasses.replace(
        nats_server.settings("admin"), url=nats_server.server.url, password_file=None, user="admin"
    )
    bus = await Bus.connect(settings)
    assert bus.connected
    secret = nats_server.server.password_file("admin").read_text().strip()
    assert secret in settings.url
    assert secret not in repr(bus)
    await bus.close()
