import asyncio
import dataclasses
import gc
import os
import signal
import time

import pytest
from nats.aio.transport import TcpTransport

from shared.bus import Bus, BusSettings, Disconnected, streams
from shared.errors import StalledError
from tests.fixtures.freeze import frozen
from tests.fixtures.nats import answering, message, until

SLOW = 1.0  # seconds; longer than the library waits for its own attempts to come back
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
        nats_server.settings("notifier"), password_file=password, connect_wait=600.0
    )
    bus = await Bus.connect(settings)
    try:
        assert bus.line.refused.is_set()  # it is said at once, not at the end of the wait
        assert not bus.connected
        password.write_text(nats_server.server.password_file("notifier").read_text())

        async def works() -> bool:
            return bus.connected

        await until(works)
        assert not bus.line.refused.is_set()
    finally:
        await bus.close()


class Overheard:
    """Begins to close a bus as a line of the server comes in; the next lines take their time."""

    def __init__(self, monkeypatch, line):
        self.bus, self.closing = None, None
        readline = TcpTransport.readline

        async def overhear(transport):
            found = await readline(transport)
            if self.closing is not None:
                await asyncio.sleep(SLOW)
            elif self.bus is not None and line in found:
                self.closing = asyncio.create_task(self.bus._connection.close())
            return found

        monkeypatch.setattr(TcpTransport, "readline", overhear)

    async def closed(self):
        async def begun():
            return self.closing is not None

        await until(begun)
        async with asyncio.timeout(10):
            await self.closing
        await self.bus.close()


async def left():
    """Return the tasks and the connections that are still there."""
    for _ in range(10):
        await asyncio.sleep(0)  # what was ended gets the turns in which it leaves
    gc.collect()
    writers = [one for one in gc.get_objects() if isinstance(one, asyncio.StreamWriter)]
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    return tasks, [one for one in writers if not one.is_closing()]


async def test_closing_while_a_refusal_comes_in_ends_all_attempts(
    nats_server, tmp_path, monkeypatch
) -> None:
    password = tmp_path / "password"
    password.write_text("wrong")
    overheard = Overheard(monkeypatch, b"-ERR")
    settings = dataclasses.replace(
        nats_server.settings("notifier"), password_file=password, connect_wait=0.0
    )
    overheard.bus = await Bus.connect(settings)
    await overheard.closed()
    tasks, connections = await left()
    assert not tasks
    assert not connections


@pytest.mark.parametrize("line", [b"INFO", b"PONG"])
async def test_closing_while_the_server_comes_back_leaves_no_connection(
    nats_server, monkeypatch, line
) -> None:
    bus = await Bus.connect(nats_server.settings("notifier"))
    overheard = Overheard(monkeypatch, line)
    await nats_server.server.kill()

    async def down():
        return not bus.connected

    await until(down)
    overheard.bus = bus
    await nats_server.restart()
    await overheard.closed()
    tasks, connections = await left()
    assert not tasks
    assert not connections


class Leaves:
    """Stands where the server stood; says its words to each connection, and leaves it."""

    def __init__(self, port, words):
        self.taken = 0
        self._port, self._words, self._server = port, words, None

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._leave, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def _leave(self, _, writer):
        self.taken += 1
        writer.write(self._words)
        writer.close()


@pytest.mark.parametrize("words", [b"", b"INFO {}\r\n"], ids=["silent", "greeted"])
async def test_attempts_that_a_dying_server_leaves_are_closed(
    nats_server, connect_bus, words
) -> None:
    bus = await connect_bus("admin")
    await nats_server.server.kill()
    async with Leaves(nats_server.server.port, words) as dying:

        async def tried():
            return dying.taken >= 3

        await until(tried)
    await nats_server.restart()
    await answering(bus)
    _, connections = await left()
    assert len(connections) == 1


async def test_a_revoked_user_is_told_that_only_a_new_process_helps(nats_server, bus) -> None:
    config = nats_server.data_dir / "nats.conf"
    old = nats_server.server.password_file("admin").read_text().strip()
    config.write_text(config.read_text().replace(old, "another"))
    os.kill(nats_server.server.pid, signal.SIGHUP)

    async def closed() -> bool:
        return bus.line.closed.is_set()

    await until(closed)
    assert bus.line.refused.is_set()
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
