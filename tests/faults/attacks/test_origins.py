"""
Origins whose answers never end, and trees that no file system should hold.
"""

import os
import time

import pytest

from services.source.core.checkout import Checkout
from shared.errors import TransientError
from tests.fixtures.git import hostile

from .measures import GROWTH, peak

TIMEOUT = 8.0  # seconds, of one look
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"
    b"Connection: close\r\n\r\n001e# service=git-upload-pack\n0000"
)


def advertised(first, count):
    """Some lines of an advertisement of refs, as old servers send it."""
    lines = (f"{n:040x} refs/heads/{n:0100}\n" for n in range(first, first + count))
    return "".join(f"{len(line) + 4:04x}{line}" for line in lines).encode()


async def endless(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD)
    at = 1
    while not writer.is_closing():
        writer.write(advertised(at, 1000))
        await writer.drain()
        at += 1000


async def test_a_list_of_refs_without_end_costs_one_look_and_no_memory_of_the_service(
    origin, repo, server, ask
):
    repo.commit({"a": "1"})
    before = peak(os.getpid())
    begin = time.monotonic()
    async with hostile(endless) as url:
        with pytest.raises(TransientError, match=r"spec\.timeout|smaller"):
            await origin.look(ask(url, timeout=TIMEOUT))
    assert time.monotonic() - begin < TIMEOUT + 5
    assert peak(os.getpid()) - before < GROWTH
    assert isinstance(await origin.look(ask(server.url())), Checkout)


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
