"""Spellings that one reader of a URL takes for a name and the next for this machine."""

import pytest
from aiohttp import web

from services.notifier.adapters.http import WebhookChannel
from services.notifier.core.wire import Request
from shared.runtime.addresses import AddressPolicy, TargetForbidden


@pytest.fixture
async def neighbour():
    """A server on this machine that nobody may be sent to, and the calls that it got."""
    calls = []

    async def take(request):
        calls.append(request.path)
        return web.Response()

    runner = web.ServerRunner(web.Server(take))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield site._server.sockets[0].getsockname()[1], calls
    await runner.cleanup()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "\uff11\uff12\uff17.0.0.1",
        "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
        "127\u30020\u30020\u30021",
        "2130706433",
        "127.1",
        "0x7f000001",
        "[::ffff:127.0.0.1]",
        "localhost",
    ],
)
async def test_this_machine_is_refused_in_every_spelling(neighbour, host):
    port, calls = neighbour
    async with WebhookChannel(AddressPolicy()) as channel:
        with pytest.raises(TargetForbidden):
            await channel.send(
                Request(url=f"http://{host}:{port}/x", headers={}, body=b"{}", timeout=5)
            )
    assert calls == []
