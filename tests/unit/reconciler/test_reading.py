"""
Many lanes read an artifact's index at once, and the bus is asked for it once.
"""

import asyncio
from types import SimpleNamespace

from services.reconciler.adapters.artifacts import BusArtifacts
from shared.artifact import File, Tree, encode_index, index, pack
from shared.model import Digest
from tests.fakes.clock import FakeClock


async def test_an_index_that_many_ask_for_at_once_is_read_once(tmp_path):
    tree = Tree({"a": File(data=b"1")})
    data = pack(tree)
    listing = encode_index(index(tree))
    reads = 0

    async def get_index(digest, own, *, limit):
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        return listing

    bus = SimpleNamespace(objects=SimpleNamespace(get_index=get_index))
    artifacts = BusArtifacts(bus, tmp_path, cluster="local", clock=FakeClock())
    digest, own = Digest.of(data), str(Digest.of(listing))
    found = await asyncio.gather(*(artifacts.index(digest, own) for _ in range(8)))
    assert reads == 1
    assert all(one is found[0] for one in found)
    assert not artifacts._reading
