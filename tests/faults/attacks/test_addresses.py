"""
Names that mean another address the second time, and answers that send the asker elsewhere.
"""

import pytest
from aiohttp import web

from services.notifier.adapters.http import WebhookChannel
from services.notifier.core.wire import Request
from services.source.adapters.origin import GitOrigin
from services.source.core.checkout import Checkout
from services.source.core.credentials import Credentials
from shared.errors import TransientError
from shared.runtime.addresses import AddressPolicy, TargetForbidden
from shared.runtime.names import Names

OUTSIDE, INSIDE = "127.0.0.1", "127.0.0.2"  # the one is allowed here, the other is not
HOST = "origin.invalid"  # nobody else knows this name
SECRET = Credentials(username="ada", password="hunter2")


class Turning(Names):
    """A name server whose first answer is harmless; the later ones are not."""

    def __init__(self, first=(OUTSIDE,), later=(INSIDE,)):
        super().__init__()
        self.answers = [first, later]
        self.asked = 0

    async def addresses(self, host, port, family=0):
        self.asked += 1
        return list(self.answers[min(self.asked, len(self.answers)) - 1])


@pytest.fixture
def policy():
    return AddressPolicy([f"{OUTSIDE}/32"])


@pytest.fixture
async def neighbour():
    """A server inside, and what it was asked for; it can listen where another one does."""
    calls = []

    async def take(request):
        calls.append(f"{request.method} {request.path} {request.headers.get('Authorization')}")
        return web.Response()

    runner = web.ServerRunner(web.Server(take))
    await runner.setup()

    async def listen(host, port=0):
        site = web.TCPSite(runner, host, port)
        await site.start()
        return site._server.sockets[0].getsockname()[1]

    yield listen, calls
    await runner.cleanup()


async def test_a_name_of_an_origin_is_looked_up_once_for_all_requests_of_a_look(
    workers, policy, repo, server, ask, neighbour
):
    listen, calls = neighbour
    await listen(INSIDE, server.port)
    names = Turning()
    origin = GitOrigin(workers, policy, names)
    repo.commit({"a": "1"})
    url = f"http://{HOST}:{server.port}/repo.git"
    assert isinstance(await origin.look(ask(url)), Checkout)
    assert names.asked == 1
    assert len(server.requests) > 1, "the requests after the first go where the first went"
    with pytest.raises(TransientError, match="may not reach") as caught:
        await origin.look(ask(url))
    assert caught.value.reason == "TargetForbidden"
    assert calls == []


async def test_an_origin_with_one_address_inside_is_asked_at_none(
    workers, policy, repo, server, ask
):
    origin = GitOrigin(workers, policy, Turning(first=(OUTSIDE, INSIDE)))
    with pytest.raises(TransientError, match="may not reach"):
        await origin.look(ask(f"http://{HOST}:{server.port}/repo.git"))
    assert server.requests == []


async def test_a_name_of_a_provider_is_judged_at_each_delivery(policy, neighbour):
    listen, calls = neighbour
    port = await listen(OUTSIDE)
    await listen(INSIDE, port)
    request = Request(url=f"http://{HOST}:{port}/x", headers={}, body=b"{}", timeout=5)
    async with WebhookChannel(policy, Turning()) as channel:
        assert (await channel.send(request)).status == 200
        with pytest.raises(TargetForbidden):
            await channel.send(request)
    assert len(calls) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_webhook_is_not_redirected_and_takes_its_token_nowhere_else(
    policy, neighbour, server, status
):
    listen, calls = neighbour
    port = await listen(OUTSIDE)
    to = {"Location": f"http://{OUTSIDE}:{port}/taken"}
    server.answer = lambda _: web.Response(status=status, headers=to)
    headers = {"Authorization": "Bearer hunter2"}
    request = Request(url=server.url("hook"), headers=headers, body=b"{}", timeout=5)
    async with WebhookChannel(policy) as channel:
        assert (await channel.send(request)).status == status
    assert calls == []
    assert len(server.requests) == 1


# Places that one reader of an address finds in it, and the next does not.
ELSEWHERE = {
    "another port": "http://{there}/x",
    "another scheme": "https://{here}/x",
    "no scheme": "//{there}/x",
    "a user": "http://{here}@{there}/x",
    "a backslash before the user": "http://{there}\\@{here}/x",
    "a backslash before the host": "http:\\\\{there}/x",
    "a slash too many": "http:///{there}/x",
    "a tab in it": "ht\ttp://{there}/x",
    "a number for an address": "http://2130706433:{port}/x",
    "a question for a user": "http://{there}?@{here}/x",
    "a fragment for a user": "http://{there}#@{here}/x",
    "a file": "file:///etc/passwd",
    "another protocol": "gopher://{there}/x",
    "metadata": "http://169.254.169.254/latest/meta-data/",
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("form", ELSEWHERE)
async def test_an_origin_leads_to_no_other_place_and_the_credentials_stay(
    origin, repo, server, ask, neighbour, form, method
):
    listen, calls = neighbour
    port = await listen(OUTSIDE)
    places = {"here": f"{OUTSIDE}:{server.port}", "there": f"{OUTSIDE}:{port}", "port": port}
    to = {"Location": ELSEWHERE[form].format(**places)}
    repo.commit({"a": "1"})

    def astray(request):
        if request.method == method and request.path.startswith("/repo.git"):
            return web.Response(status=302, headers=to)
        return None

    server.answer = astray
    with pytest.raises(TransientError) as caught:
        await origin.look(ask(server.url(), credentials=SECRET, timeout=10))
    assert calls == []
    assert "hunter2" not in str(caught.value)
