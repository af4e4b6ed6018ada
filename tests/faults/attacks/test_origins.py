"""
Origins whose answers never end, and trees that no file system should hold.
"""

import asyncio
import contextlib
import os
import time

import asyncssh
import pytest

from services.source.core.checkout import Checkout
from services.source.core.credentials import Credentials
from shared.errors import TransientError
from tests.fixtures.git import git_ssh, hostile

from .measures import GROWTH, STALL, peak, watched

TIMEOUT = 30.0  # seconds, of one look; what is held here ends long before
FIRST = b"001e# service=git-upload-pack\n0000"  # of servers that know version 1 only
SECOND = b"000eversion 2\n000cls-refs\n000afetch\n0000"


def head(kind):
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-{kind}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()


class Highest:
    """The most memory of a process that may have ended since."""

    def __init__(self):
        self.peak = 0


@contextlib.asynccontextmanager
async def measured(pid):
    found = Highest()

    async def follow():
        with contextlib.suppress(AssertionError, FileNotFoundError):
            while True:
                found.peak = peak(pid)
                await asyncio.sleep(0.02)

    task = asyncio.create_task(follow())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def listed(first, count):
    """Some lines of a list of refs."""
    lines = (f"{n:040x} refs/heads/main{n}\n" for n in range(first, first + count))
    return "".join(f"{len(line) + 4:04x}{line}" for line in lines).encode()


async def without_end(writer):
    at = 1
    while not writer.is_closing():
        writer.write(listed(at, 1000))
        await writer.drain()
        await asyncio.sleep(0)  # this server is on the loop that is watched
        at += 1000


async def advertised(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(head("advertisement") + FIRST)
    await without_end(writer)


async def asked_for(reader, writer):
    if (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET"):
        writer.write(head("advertisement") + SECOND)
        return
    writer.write(head("result"))
    await without_end(writer)


async def over_ssh(process):
    with contextlib.suppress(asyncssh.BreakReceived, ConnectionError):
        await without_end(process.stdout)


@contextlib.asynccontextmanager
async def listing(how, root):
    """Serve a list of refs without end; yields a URL and credentials for it."""
    if how is over_ssh:
        async with git_ssh(root, answer=over_ssh) as server:
            secret = Credentials(identity=server.identity, known_hosts=server.known_hosts + "\n")
            yield server.url(), secret
        return
    async with hostile(how) as url:
        yield url, None


@pytest.mark.parametrize("ref", [{"branch": "main"}, {"semver": "*"}, {"commit": "1" * 40}])
@pytest.mark.parametrize("how", [advertised, asked_for, over_ssh])
async def test_a_list_of_refs_without_end_is_refused_before_it_takes_memory(
    origin, workers, repo, server, ask, how, ref
):
    repo.commit({"a": "1"})
    service, worker = os.getpid(), next(iter(workers._all)).process.pid
    before = peak(service), peak(worker)
    async with (
        listing(how, repo.root) as (url, secret),
        measured(worker) as highest,
        watched() as turns,
    ):
        with pytest.raises(TransientError, match="MiB of branches and tags") as caught:
            await origin.look(ask(url, timeout=TIMEOUT, credentials=secret, **ref))
    assert turns.longest < STALL
    assert caught.value.reason == "GitOperationFailed"
    assert peak(service) - before[0] < GROWTH
    assert highest.peak - before[1] < GROWTH  # one that grew in other work ends with this
    assert isinstance(await origin.look(ask(server.url())), Checkout)


def many(count):
    """The input of git's fast-import for a commit of so many files, all different."""
    yield "commit refs/heads/main\ncommitter Ada <ada@example.com> 1 +0000\ndata 1\na\n"
    for n in range(count):
        yield f"M 644 inline d{n // 1000}/f{n}\ndata 6\n{n:06d}\n"


@pytest.mark.timeout(300)
async def test_a_hundred_thousand_files_are_refused_within_bounds(
    origin, workers, repo, server, ask
):
    repo.git("fast-import", "--quiet", cwd=repo.bare, stdin="".join(many(100_000)))
    service, worker = os.getpid(), next(iter(workers._all)).process.pid
    before = peak(service), peak(worker)
    async with measured(worker) as highest, watched() as turns:
        with pytest.raises(TransientError, match="more than 50000 files") as caught:
            await origin.look(ask(server.url(), timeout=2 * TIMEOUT))
    assert turns.longest < STALL
    assert caught.value.reason == "ArchiveOperationFailed"
    assert peak(service) - before[0] < GROWTH
    assert highest.peak - before[1] < GROWTH
    some = ask(server.url(), ignore="/d[1-9]*\n", timeout=2 * TIMEOUT)
    assert isinstance(await origin.look(some), Checkout)


@pytest.mark.parametrize("name", ["a\rb", "a\x1b[31mb", "a\nb", "sub\r/x"])
async def test_a_path_that_steers_a_terminal_or_a_config_file_is_refused_and_shown_harmless(
    origin, repo, server, ask, name
):
    repo.commit({name: "1"})
    with pytest.raises(TransientError, match="control characters") as caught:
        await origin.look(ask(server.url()))
    assert str(caught.value).isprintable()


async def test_an_ignore_file_with_many_stars_does_not_hold_a_look(origin, repo, server, ask):
    line = "*a" * 30 + "b"
    repo.commit({".sourceignore": f"{line}\n", "a" * 200: "1", "kept": "2"})
    begin = time.monotonic()
    assert isinstance(await origin.look(ask(server.url(), timeout=TIMEOUT)), Checkout)
    assert time.monotonic() - begin < TIMEOUT
