"""
Packs that lie about themselves or explode: each costs its own look, and says why.
"""

import os
import time

import pytest

from services.source.core.checkout import Checkout
from shared.artifact import decode_index
from shared.errors import TransientError
from tests.faults.attacks.measures import STALL, peak, watched
from tests.faults.attacks.packs import (
    BLOB,
    COMMIT,
    OFS_DELTA,
    REF_DELTA,
    TREE,
    commit,
    delta,
    entry,
    pack,
    serving,
    sha,
    tree,
    zeros,
)

SECONDS = 10.0  # of one look; a bomb that needs more is ended by it
SERVICE = 64  # MiB that a refusal may cost the service
WORKER = 640 + 64  # MiB: the limit of a worker's data, and what it shares with others
DATA = b"kind: ConfigMap\n"
ZEROS = bytes(1 << 24)
ABSENT = b"\xab" * 20


def objects(data=DATA, blob=None):
    """One commit with one file, and its name."""
    named = blob or sha(BLOB, data)
    top = commit(sha(TREE, tree(named)))
    made = [entry(COMMIT, top), entry(TREE, tree(named)), entry(BLOB, data)]
    return sha(COMMIT, top), made


HEAD, GOOD = objects()
WHOLE = pack(GOOD)


def absent_tree():
    top = commit(ABSENT)
    return sha(COMMIT, top), pack([entry(COMMIT, top), *GOOD])


def inside_itself():
    """A tree entry that says it is a tree, and names the commit."""
    listing = b"40000 a\0" + HEAD
    top = commit(sha(TREE, listing))
    return sha(COMMIT, top), pack([entry(COMMIT, top), entry(TREE, listing), *GOOD])


def chain(copies, size=None):
    """A delta on 16 MiB of nothing that says the file is many times that."""
    base = entry(REF_DELTA, delta(len(ZEROS), copies, size=size), base=sha(BLOB, ZEROS))
    return HEAD, pack([*GOOD, entry(BLOB, ZEROS), base])


def large_file():
    name, large = zeros(512)
    head, made = objects(blob=name)
    return head, pack([*made, large])


LIES = {
    "a wrong checksum": (HEAD, WHOLE[:-1] + bytes([WHOLE[-1] ^ 1])),
    "more objects than there are": (HEAD, pack(GOOD, count=4)),
    "four thousand million objects": (HEAD, pack(GOOD, count=0xFFFFFFFF)),
    "fewer objects than there are": (HEAD, pack(GOOD, count=2)),
    "no objects": (HEAD, pack([])),
    "more after the checksum": (HEAD, WHOLE + b"x" * 1000),
    "half of it": (HEAD, WHOLE[: len(WHOLE) // 2]),
    "no pack": (HEAD, b"<html>" * 20),
    "another version": (HEAD, WHOLE.replace((2).to_bytes(4), (9).to_bytes(4), 1)),
    "a delta to what is not there": (
        HEAD, pack([*GOOD, entry(REF_DELTA, delta(9, 0, size=0), base=ABSENT)]),
    ),
    "a delta to itself": (HEAD, pack([*GOOD, entry(OFS_DELTA, delta(9, 0), base=b"\0")])),
    "a delta to before the pack": (
        HEAD, pack([*GOOD, entry(OFS_DELTA, delta(9, 0), base=b"\xff\xff\xff\x7f")]),
    ),
    "a delta beyond its base": (
        HEAD, pack([*GOOD, entry(REF_DELTA, delta(len(DATA), 1), base=sha(BLOB, DATA))]),
    ),
    "a delta with another size": (HEAD, chain(1, size=5)[1]),
    "an object of another size": (HEAD, pack([*GOOD[:2], entry(BLOB, DATA, size=3)])),
    "an object of no kind": (HEAD, pack([*GOOD, entry(5, DATA)])),
    "another commit": (ABSENT, WHOLE),
    "a tree that is not there": absent_tree(),
    "a file that is not there": (objects(blob=ABSENT)[0], pack(objects(blob=ABSENT)[1])),
    "a commit for a tree": inside_itself(),
}  # fmt: skip

BOMBS = {
    "a delta of 160 GB": chain(10_000),
    "a delta of 500 MB": chain(30),
    "a file of 512 MB": large_file(),
    "a file that says it is small": (
        HEAD, pack([*GOOD[:2], zeros(512, size=16)[1]]),
    ),
}  # fmt: skip


@pytest.fixture
async def refused(origin, workers, repo, server, ask):
    """Look at a server with a bad pack, and say what is told; then others are served as before."""

    async def look(head, packed):
        async with serving(head, packed) as url, watched() as turns:
            with pytest.raises(TransientError) as caught:
                await origin.look(ask(url, timeout=SECONDS))
        assert turns.longest < STALL
        return str(caught.value)

    yield look
    repo.commit({"a": "1"})
    assert isinstance(await origin.look(ask(server.url())), Checkout)


async def test_a_pack_that_is_one_is_taken_from_such_a_server(origin, ask):
    async with serving(HEAD, WHOLE) as url:
        found = await origin.look(ask(url))
    assert found.files == 1
    assert found.revision.hex == HEAD.hex()


@pytest.mark.parametrize("name", LIES)
async def test_a_pack_that_lies_is_refused_whole_and_said(name, refused):
    begin = time.monotonic()
    said = await refused(*LIES[name])
    assert "cannot be read" in said or "is not in the repository" in said, said
    assert said.isprintable()
    assert time.monotonic() - begin < SECONDS


@pytest.mark.parametrize("name", BOMBS)
async def test_a_pack_that_explodes_costs_one_worker_its_memory_and_the_service_none(
    name, refused, workers
):
    before = peak(os.getpid())
    said = await refused(*BOMBS[name])
    assert ("make" in said and "smaller" in said) or "exceeds expected size" in said, said
    assert peak(os.getpid()) - before < SERVICE
    for worker in workers._all:
        assert not worker.alive or peak(worker.process.pid) < WORKER


# Names in a tree, by what is said of them; what is kept is a name in an archive and never a file.
NAMES = {
    b"..": "leads out of the tree",
    b"../x": "leads out of the tree",
    b"/abs": "leads out of the tree",
    b"c:": "leads out of the tree",
    b".": "rename it",
    b"": "rename it",
    b"a\\b": "rename it",
    b".git ": "rename it",
    b"a.": "rename it",
    b"\xff": "is not UTF-8",
    b"x" * 300: "over 255 bytes",
    "\u202ea": "rename it",
    b".GIT": "",
    b"git~1": "",
    b"-u": "",
}


@pytest.mark.parametrize("name", NAMES, ids=repr)
async def test_a_name_that_no_git_would_write_is_refused_or_only_a_name(name, origin, ask):
    encoded = name if isinstance(name, bytes) else name.encode()
    listing = tree(sha(BLOB, DATA), encoded)
    top = commit(sha(TREE, listing))
    made = pack([entry(COMMIT, top), entry(TREE, listing), entry(BLOB, DATA)])
    async with serving(sha(COMMIT, top), made) as url:
        if not NAMES[name]:
            found = await origin.look(ask(url))
            assert list(decode_index(found.index)) == [encoded.decode()]
            return
        with pytest.raises(TransientError, match=NAMES[name]) as caught:
            await origin.look(ask(url))
    assert str(caught.value).isprintable()
