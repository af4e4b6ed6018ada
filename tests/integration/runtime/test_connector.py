"""Connections over real TLS to a server that does not say goodbye."""

import asyncio
import ssl
from contextlib import suppress

import aiohttp
import pytest

from shared.connector import PromptConnector
from tests.fixtures.git import tls_server
from tests.fixtures.proxy import proxy_before


async def serve(reader, writer):
    """Answer each request, and never close, whatever the client asks for."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        length = 100 if head.startswith(b"GET /long") else 4
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\ndone" % length)


@pytest.fixture
async def server(tmp_path):
    """Give a server's proxy, its address, and the context that trusts it."""
    theirs, issuer = tls_server(tmp_path, "127.0.0.1")

    async def handle(reader, writer):
        with suppress(asyncio.IncompleteReadError, OSError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=theirs)
    async with server, proxy_before(*server.sockets[0].getsockname()) as proxy:
        yield proxy, f"https://127.0.0.1:{proxy.port}", ssl.create_default_context(cadata=issuer)


def socket_of(response):
    return response.connection.transport.get_extra_info("socket")


async def until_closed(socket):
    async with asyncio.timeout(5):  # aiohttp would wait for 30 s
        while socket.fileno() != -1:
            await asyncio.sleep(0.01)


async def test_a_request_that_is_given_up_holds_no_socket_for_a_silent_server(server):
    proxy, url, trusting = server
    async with aiohttp.ClientSession(connector=PromptConnector(ssl=trusting)) as session:
        async with session.get(f"{url}/long") as response:
            assert await response.content.read(4) == b"done"
            socket = socket_of(response)
            proxy.hang()
        await until_closed(socket)


async def test_an_answered_request_holds_no_socket_for_a_silent_server(server):
    proxy, url, trusting = server
    connector = PromptConnector(ssl=trusting, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        sockets = []

        async def watched(*arguments, **options):
            connection = await PromptConnector.connect(connector, *arguments, **options)
            sockets.append(connection.transport.get_extra_info("socket"))
            return connection

        connector.connect = watched
        async with session.get(f"{url}/short") as response:
            proxy.hang()
            assert await response.text() == "done"
        await until_closed(sockets[0])


async def test_closing_leaves_no_connection_of_a_request_that_was_just_given_up(server):
    proxy, url, trusting = server
    async with (
        aiohttp.ClientSession(connector=PromptConnector(ssl=trusting)) as session,
        session.get(f"{url}/long") as response,
    ):
        socket = socket_of(response)
        proxy.hang()
    assert socket.fileno() == -1


async def test_a_connection_that_may_be_used_again_is_kept(server):
    proxy, url, trusting = server
    async with aiohttp.ClientSession(connector=PromptConnector(ssl=trusting)) as session:
        for _ in range(3):
            async with session.get(f"{url}/short") as response:
                assert await response.text() == "done"
    assert proxy.accepted == 1
