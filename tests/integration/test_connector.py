"""Connections over real TLS to a server that does not say goodbye."""

import asyncio
import os
import socket
import ssl
from contextlib import suppress

import aiohttp
import pytest

from services.notifier.adapters.http import WebhookChannel
from services.notifier.core.wire import Request
from shared.connector import PromptConnector
from shared.kube.fence import FencedConnector
from shared.runtime.addresses import AddressPolicy
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


@pytest.fixture(params=[PromptConnector, FencedConnector])
async def connector(request, server):
    return request.param(ssl=server[2])


def socket_of(response):
    return response.connection.transport.get_extra_info("socket")


async def until_closed(sock):
    async with asyncio.timeout(5):  # aiohttp would wait for 30 s
        while sock.fileno() != -1:
            await asyncio.sleep(0.01)


async def test_a_request_that_is_given_up_holds_no_socket_for_a_silent_server(server, connector):
    proxy, url, _ = server
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get(f"{url}/long") as response:
            assert await response.content.read(4) == b"done"
            sock = socket_of(response)
            proxy.hang()
        await until_closed(sock)


def answer_and_say_nothing(listener, context):
    """Answer one request; then only wait until the client's socket is closed, without a goodbye."""
    accepted, _ = listener.accept()
    with context.wrap_socket(accepted, server_side=True) as tls:
        tls.recv(65536)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        with socket.socket(fileno=os.dup(tls.fileno())) as raw, suppress(ConnectionResetError):
            raw.settimeout(5)  # aiohttp would wait for 30 s
            while raw.recv(65536):
                pass


async def test_a_delivery_holds_no_socket_for_a_silent_provider(tmp_path, monkeypatch):
    theirs, issuer = tls_server(tmp_path, "127.0.0.1")
    trusting = ssl.create_default_context(cadata=issuer)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = asyncio.create_task(asyncio.to_thread(answer_and_say_nothing, listener, theirs))
        async with WebhookChannel(AddressPolicy(["127.0.0.0/8"])) as channel:
            url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
            reply = await channel.send(Request(url=url, headers={}, body=b"{}", timeout=5))
            await closed
    assert reply.status == 200


async def test_closing_leaves_no_connection_of_a_request_that_was_just_given_up(server, connector):
    proxy, url, _ = server
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"{url}/long") as response,
    ):
        sock = socket_of(response)
        proxy.hang()
    assert sock.fileno() == -1


async def test_a_connection_that_may_be_used_again_is_kept(server, connector):
    proxy, url, _ = server
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(3):
            async with session.get(f"{url}/short") as response:
                assert await response.text() == "done"
    assert proxy.accepted == 1
