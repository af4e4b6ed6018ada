"""Many Providers that take their time, and one that does not."""

import asyncio

import pytest

from services.notifier.adapters.http import WebhookChannel
from services.notifier.core.wire import Request
from shared.errors import TransientError
from shared.runtime.addresses import AddressPolicy
from tests.fixtures.source import until

SLOW = 120  # Providers; on 15 hosts, as there is a limit per host too
USUAL = 100  # connections that the library gives


async def send(channel, url):
    return await channel.send(Request(url=url, headers={}, body=b"{}", timeout=30))


@pytest.fixture
async def slow():
    """A server on all addresses of this machine that never answers; counts its connections."""
    writers = []

    async def hold(reader, writer):
        writers.append(writer)
        await reader.read()

    server = await asyncio.start_server(hold, "0.0.0.0", 0)
    yield server.sockets[0].getsockname()[1], writers
    server.close()
    for writer in writers:
        writer.transport.abort()


@pytest.fixture
async def quick():
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_many_slow_providers_keep_no_other_waiting_for_a_connection(slow, quick):
    port, writers = slow
    async with WebhookChannel(AddressPolicy(["127.0.0.0/8"])) as channel:
        held = [
            asyncio.create_task(send(channel, f"http://127.0.0.{1 + n // 8}:{port}/{n}"))
            for n in range(SLOW)
        ]
        await until(lambda: len(writers) >= USUAL, "the slow ones are connected")
        async with asyncio.timeout(20):
            reply = await send(channel, f"http://127.0.0.1:{quick}/")
        assert reply.status == 204
        for task in held:
            task.cancel()
        results = await asyncio.gather(*held, return_exceptions=True)
    assert not any(isinstance(one, TransientError) for one in results)
