"""Origins that hang, lie, lead astray, or are where nobody may go."""

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import web

from services.source.adapters.origin import GitOrigin
from services.source.core.checkout import Checkout
from services.source.core.credentials import Credentials
from shared.errors import TransientError
from shared.runtime.addresses import AddressPolicy
from tests.fixtures.git import git_http, hostile, proxy


async def never(_reader, _writer):
    await asyncio.Event().wait()


async def test_an_origin_that_says_nothing_costs_its_timeout_and_nobody_elses(
    origin, repo, server, ask
):
    repo.commit({"a": "1"})
    async with hostile(never) as url:
        begin = time.monotonic()
        hanging = asyncio.create_task(origin.look(ask(url, timeout=1.0)))
        assert isinstance(await origin.look(ask(server.url())), Checkout)
        with pytest.raises(TransientError, match=r"longer than spec\.timeout \(1 s\)"):
            await hanging
        assert time.monotonic() - begin < 15  # the good one has 60 s


async def test_slow_looks_at_one_host_leave_workers_for_the_others(tmp_path, workers, repo, ask):
    origin = GitOrigin(workers, AddressPolicy(["127.0.0.0/8"]))
    repo.commit({"a": "1"})
    # Two workers, and three looks that hang: two per host may run, so one more host is served
    # as soon as the first timeout frees a worker, not after all three.
    async with hostile(never) as url, git_http(repo.root) as good:
        hanging = [
            asyncio.create_task(origin.look(ask(url, timeout=seconds)))
            for seconds in (3.0, 3.0, 60.0)
        ]
        await asyncio.sleep(0)
        assert isinstance(await origin.look(ask(good.url())), Checkout)
        assert not hanging[2].done()
        hanging[2].cancel()
        results = await asyncio.gather(*hanging, return_exceptions=True)
    assert [type(item) for item in results[:2]] == [TransientError] * 2


async def test_a_look_that_is_cancelled_has_left_nothing_when_the_workers_are_closed(
    origin, workers, ask, tmp_path
):
    asked = asyncio.Event()

    async def silent(_reader, _writer):
        asked.set()
        await asyncio.Event().wait()

    async with hostile(silent) as url:
        look = asyncio.create_task(origin.look(ask(url, timeout=30)))
        await asked.wait()
        while not look.done():  # also by whoever has no patience for the end of the worker
            look.cancel()
            await asyncio.sleep(0)
        await workers.close()
        assert list((tmp_path / "workers").iterdir()) == []


async def test_a_look_that_is_cancelled_while_its_worker_starts_leaves_nothing(
    origin, workers, repo, server, ask, monkeypatch
):
    repo.commit({"a": "1"})
    starts = asyncio.Event()

    async def starting():
        starts.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(workers, "_take", starting)
        look = asyncio.create_task(origin.look(ask(server.url())))
        await starts.wait()
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)
    assert list(workers._where.iterdir()) == []
    assert isinstance(await origin.look(ask(server.url())), Checkout)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
async def test_a_body_that_ends_early_is_an_error_and_the_next_try_works(
    origin, repo, server, ask, share
):
    repo.commit({f"f{n}": "x" * 1000 + str(n) for n in range(200)})
    whole = await origin.look(ask(server.url()))

    async with proxy(server.port, cut_after=int(len(whole.archive) * share) + 200) as short:
        with pytest.raises(TransientError):
            await origin.look(ask(short.url, timeout=10))
    assert (await origin.look(ask(server.url()))).digest == whole.digest


async def test_what_is_no_git_server_is_told_so(origin, repo, server, ask):
    server.answer = lambda _: web.Response(text="<html>hello</html>", content_type="text/html")
    with pytest.raises(TransientError, match="does not answer as a Git server"):
        await origin.look(ask(server.url()))


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "403"), (404, "not found"), (429, "slow down"), (500, "status 500"), (503, "503")],
)
async def test_a_refusal_of_the_origin_is_named(origin, repo, server, ask, status, words):
    server.answer = lambda _: web.Response(status=status, headers={"Retry-After": "7"})
    with pytest.raises(TransientError, match=words) as caught:
        await origin.look(ask(server.url()))
    assert caught.value.retry_after == 7


async def test_a_redirect_elsewhere_is_refused_and_carries_no_credentials(
    origin, repo, server, ask
):
    repo.commit({"a": "1"})
    async with git_http(repo.root) as other:

        def astray(request):
            return web.Response(status=302, headers={"Location": other.url() + "/info/refs"})

        server.answer = astray
        secret = Credentials(username="ada", password="hunter2")
        with pytest.raises(TransientError, match=r"redirects to http://127\.0\.0\.1"):
            await origin.look(ask(server.url(), credentials=secret))
        assert other.requests == []


async def test_a_redirect_within_the_origin_is_followed(origin, repo, server, ask):
    repo.commit({"a": "1"})

    def moved(request):
        if not request.path.startswith("/old.git"):
            return None
        target = request.path_qs.replace("/old.git", "/repo.git")
        return web.Response(status=301, headers={"Location": target})

    server.answer = moved
    assert isinstance(await origin.look(ask(server.url("old.git"))), Checkout)


async def test_a_redirect_loop_ends(origin, repo, server, ask):
    server.answer = lambda request: web.Response(status=302, headers={"Location": request.path_qs})
    with pytest.raises(TransientError, match="status 302"):
        await origin.look(ask(server.url()))


async def test_a_refused_connection_and_an_unknown_host_are_named(origin, ask):
    with pytest.raises(TransientError, match="cannot be reached: connection refused"):
        await origin.look(ask("http://127.0.0.1:9/repo.git"))
    with pytest.raises(TransientError, match="cannot be resolved"):
        await origin.look(ask("http://no-such-host.invalid/repo.git"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0.0.0.0", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_addresses_where_no_origin_is_are_refused_before_a_connection(workers, ask, host):
    origin = GitOrigin(workers, AddressPolicy())
    with pytest.raises(TransientError, match="may not reach") as caught:
        await origin.look(ask(f"http://{host}:8/repo.git"))
    assert caught.value.reason == "TargetForbidden"


async def test_the_control_plane_is_refused_even_where_loopback_is_allowed(
    workers, repo, server, ask
):
    origin = GitOrigin(workers, AddressPolicy(["127.0.0.0/8"], [("127.0.0.1", server.port)]))
    with pytest.raises(TransientError, match="may not reach"):
        await origin.look(ask(server.url()))
    assert server.requests == []


async def test_a_worker_that_dies_is_replaced(origin, workers, repo, server, ask):
    repo.commit({"a": "1"})
    for worker in list(workers._all):
        await worker.kill()
    assert isinstance(await origin.look(ask(server.url())), Checkout)


async def test_a_worker_shows_no_credentials_to_other_programs(workers, ask, tmp_path):
    origin = GitOrigin(workers, AddressPolicy(["127.0.0.0/8"]))
    reached = asyncio.Event()

    async def wait(_reader, _writer):
        reached.set()
        await asyncio.Event().wait()

    async with hostile(wait) as url:
        secret = Credentials(username="ada", password="hunter2")
        look = asyncio.create_task(origin.look(ask(url, timeout=5, credentials=secret)))
        await reached.wait()
        for worker in workers._all:
            process = Path(f"/proc/{worker.process.pid}")
            assert b"hunter2" not in (process / "cmdline").read_bytes()
            assert b"hunter2" not in (process / "environ").read_bytes()
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)


async def test_a_data_directory_that_takes_nothing_is_said(origin, workers, repo, server, ask):
    repo.commit({"a": "1"})
    where = workers._where
    where.rename(where.with_suffix(".away"))
    with pytest.raises(TransientError, match="data directory of the source service"):
        await origin.look(ask(server.url()))
    where.with_suffix(".away").rename(where)
    assert isinstance(await origin.look(ask(server.url())), Checkout)
