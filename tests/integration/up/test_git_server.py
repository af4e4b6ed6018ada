"""The Git server of `setpoint up`."""

import asyncio
import hashlib
import hmac
import os
import subprocess
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from cli.up.git_http import clean_environment
from cli.up.git_server import GitServer
from tests.fixtures.git import IDENTITY


@pytest.fixture
def seed(tmp_path):
    folder = tmp_path / "seed"
    (folder / "apps").mkdir(parents=True)
    (folder / "apps" / "a.yaml").write_text("a: 1\n")
    return folder


@pytest.fixture
async def server(tmp_path, seed):
    made = GitServer()
    await made.start(tmp_path / "git", seed, lambda _line: None)
    yield made
    await made.stop()


async def git(tmp_path, *words, cwd=None):
    process = await asyncio.create_subprocess_exec(
        "git",
        *words,
        cwd=cwd or tmp_path,
        env=clean_environment(tmp_path) | IDENTITY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode() + err.decode()


@asynccontextmanager
async def receiver(pokes):
    async def handle(request):
        pokes.put_nowait((request.path, dict(request.headers), await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook/{rest}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook/abc"
    await runner.cleanup()


async def push(tmp_path, server, text="a: 2\n"):
    work = tmp_path / f"work-{os.urandom(3).hex()}"
    await git(tmp_path, "clone", "--quiet", server.url, str(work))
    (work / "apps" / "a.yaml").write_text(text)
    await git(tmp_path, "commit", "--quiet", "-am", "Change", cwd=work)
    return await git(tmp_path, "push", "origin", "HEAD", cwd=work)


async def test_it_serves_the_seed_and_takes_anonymous_pushes(tmp_path, server):
    await push(tmp_path, server)
    await git(tmp_path, "clone", "--quiet", server.url, "again")
    assert (tmp_path / "again" / "apps" / "a.yaml").read_text() == "a: 2\n"


async def test_after_a_push_the_receiver_gets_a_signed_poke(tmp_path, server):
    pokes = asyncio.Queue()
    async with receiver(pokes) as url:
        server.set_receiver(url, "s3cret")
        said = await push(tmp_path, server)
        path, headers, body = pokes.get_nowait()
    assert path == "/hook/abc"
    wanted = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Signature"] == f"sha256={wanted}"
    assert "receiver poked" in said
    assert "s3cret" not in said


async def test_a_receiver_that_is_away_does_not_fail_the_push(tmp_path, server):
    server.set_receiver("http://127.0.0.1:9/hook/abc", "s3cret")
    assert "was not poked" in await push(tmp_path, server)


async def test_what_was_pushed_is_still_there_after_a_restart(tmp_path, server, seed):
    await push(tmp_path, server, "a: 3\n")
    await server.stop()
    again = GitServer()
    await again.start(tmp_path / "git", seed, lambda _line: None)
    await git(tmp_path, "clone", "--quiet", again.url, "again")
    await again.stop()
    assert (tmp_path / "again" / "apps" / "a.yaml").read_text() == "a: 3\n"
