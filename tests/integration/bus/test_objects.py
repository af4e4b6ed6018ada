import asyncio
import base64
import hashlib
import json
import os
import random
import signal
import time
import tracemalloc

import pytest

from shared.bus import Disconnected, streams
from shared.bus.objects import CHUNK
from shared.errors import MalformedError, TransientError, WaitingError
from shared.model import Digest
from tests.fixtures.freeze import frozen
from tests.fixtures.nats import until

LIMIT = 64 * 1024 * 1024


def noise(size: int, seed: int = 1) -> tuple[Digest, bytes]:
    data = random.Random(seed).randbytes(size)
    return Digest.of(data), data


@pytest.fixture
async def source(connect_bus):
    bus = await connect_bus("source")
    await bus.declare(*streams.DECLARED_BY["source"])
    return bus


@pytest.fixture
async def reconciler(connect_bus, source):
    return await connect_bus("reconciler")


async def chunks(bus) -> int:
    metas = len(await bus.objects.names())
    return int((await bus.state("OBJ_artifacts"))["messages"]) - metas


async def nuid(bus, name: str) -> str:
    meta = await bus.objects._meta(name)
    return str(meta.nuid)


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 40 * CHUNK + 17])
async def test_what_the_source_stores_the_reconciler_reads(source, reconciler, size) -> None:
    digest, data = noise(size)
    await source.objects.put(digest, data)
    assert await reconciler.objects.exists(digest)
    assert await reconciler.objects.get(digest, limit=LIMIT) == data


async def test_storing_twice_stores_once_even_at_the_same_time(source) -> None:
    digest, data = noise(3 * CHUNK)
    await asyncio.gather(*(source.objects.put(digest, data) for _ in range(5)))
    await source.objects.put(digest, data, force=True)
    assert await chunks(source) == 3


async def test_bytes_that_do_not_have_the_digest_are_never_stored(source) -> None:
    digest, data = noise(5 * CHUNK)
    _, other = noise(5 * CHUNK, seed=2)
    with pytest.raises(MalformedError):
        await source.objects.put(digest, other)
    assert await source.objects.names() == []
    assert await chunks(source) == 0
    await source.objects.put(digest, data)
    with pytest.raises(MalformedError):
        await source.objects.put(digest, other)


async def test_many_artifacts_are_stored_at_the_same_time(source, reconciler) -> None:
    made = [noise(8 * CHUNK, seed) for seed in range(12)]
    await asyncio.gather(*(source.objects.put(digest, data) for digest, data in made))
    for digest, data in made:
        assert await reconciler.objects.get(digest, limit=LIMIT) == data


async def test_what_is_not_there_is_waited_for_and_not_an_accident(reconciler) -> None:
    digest, _ = noise(10)
    assert not await reconciler.objects.exists(digest)
    with pytest.raises(WaitingError) as caught:
        await reconciler.objects.get(digest, limit=LIMIT)
    assert caught.value.reason == "NotFound"


async def test_an_object_is_held_once_while_it_is_read(source, reconciler) -> None:
    digest, data = noise(80 * CHUNK)
    await source.objects.put(digest, data)
    tracemalloc.start()
    try:
        assert await reconciler.objects.get(digest, limit=LIMIT) == data
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Beside the object: a batch that is under way, in the library's hands and ours.
    assert peak < len(data) * 3 // 2


async def test_an_object_over_the_limit_is_not_read(source, reconciler) -> None:
    digest, data = noise(CHUNK)
    await source.objects.put(digest, data)
    with pytest.raises(MalformedError, match="over the limit"):
        await reconciler.objects.get(digest, limit=CHUNK - 1)


async def test_an_index_lies_beside_its_artifact_and_is_verified_by_its_own_digest(
    source, reconciler
) -> None:
    digest, data = noise(100)
    own, index = noise(50, seed=2)
    await source.objects.put(digest, data)
    await source.objects.put_index(digest, index)
    assert await source.objects.names() == [str(digest), f"{digest}.index"]
    assert await reconciler.objects.get_index(digest, own, limit=LIMIT) == index
    with pytest.raises(TransientError):
        await reconciler.objects.get_index(digest, digest, limit=LIMIT)


async def test_a_deleted_artifact_leaves_nothing_behind(source) -> None:
    for seed in (1, 2):
        digest, data = noise(2 * CHUNK, seed)
        await source.objects.put(digest, data)
        await source.objects.put_index(digest, b"index")
    await source.objects.delete(digest)
    await source.objects.delete(digest)
    await source.objects.sweep()
    other, _ = noise(2 * CHUNK, 1)
    assert await source.objects.names() == [str(other), f"{other}.index"]
    assert await chunks(source) == 3


@pytest.mark.parametrize("which", ["first", "middle", "last", "all"])
async def test_a_missing_chunk_is_found_out_soon_and_mended_by_storing_again(
    source, reconciler, bus, which
) -> None:
    digest, data = noise(4 * CHUNK)
    await source.objects.put(digest, data)
    subject = f"$O.artifacts.C.{await nuid(source, str(digest))}"
    state = await bus.state("OBJ_artifacts")
    first = int(state["first_seq"])
    if which == "all":
        await bus._jetstream.call("STREAM.PURGE.OBJ_artifacts", {"filter": subject})
    else:
        await bus.remove("OBJ_artifacts", first + {"first": 0, "middle": 2, "last": 3}[which])
    before = time.monotonic()
    with pytest.raises(TransientError) as caught:
        await reconciler.objects.get(digest, limit=LIMIT)
    assert caught.value.reason == "ArtifactTorn"
    assert time.monotonic() - before < 5
    assert not await reconciler.objects.exists(digest)
    await source.objects.put(digest, data)
    assert await reconciler.objects.get(digest, limit=LIMIT) == data
    await source.objects.sweep()
    assert await chunks(source) == 4


async def test_changed_bytes_are_never_handed_out_and_mended_by_force(
    source, reconciler, bus
) -> None:
    digest, data = noise(100)
    _, wrong = noise(100, seed=2)
    await source.objects.put(digest, data)
    subject = f"$O.artifacts.C.{await nuid(source, str(digest))}"
    await bus._jetstream.call("STREAM.PURGE.OBJ_artifacts", {"filter": subject})
    await bus._jetstream.publish(subject, wrong, within=5)
    with pytest.raises(TransientError, match="do not have its digest"):
        await reconciler.objects.get(digest, limit=LIMIT)
    await source.objects.put(digest, data)
    with pytest.raises(TransientError, match="do not have its digest"):
        await reconciler.objects.get(digest, limit=LIMIT)
    await source.objects.put(digest, data, force=True)
    assert await reconciler.objects.get(digest, limit=LIMIT) == data


async def test_more_bytes_than_announced_are_refused_while_reading(source, reconciler, bus) -> None:
    digest, data = noise(100)
    await source.objects.put(digest, data)
    subject = f"$O.artifacts.C.{await nuid(source, str(digest))}"
    await bus._jetstream.publish(subject, b"more", within=5)
    with pytest.raises(TransientError, match="more than its 100 bytes"):
        await reconciler.objects.get(digest, limit=LIMIT)


@pytest.mark.parametrize(
    "meta",
    [
        b"junk",
        b"[]",
        b"{}",
        b'{"name":"x","nuid":"y","size":"many"}',
        b'{"name":"x","nuid":"y","deleted":true}',
        b'{"name":"x","nuid":"y","options":{"link":{"bucket":"RECEIPTS","name":"x"}}}',
    ],
)
async def test_a_forged_description_is_like_none_and_links_are_not_followed(
    source, reconciler, bus, meta
) -> None:
    digest, data = noise(10)
    name = base64.urlsafe_b64encode(str(digest).encode()).decode()
    await bus._jetstream.publish(f"$O.artifacts.M.{name}", meta, within=5)
    with pytest.raises(WaitingError):
        await reconciler.objects.get(digest, limit=LIMIT)
    await source.objects.put(digest, data)
    assert await reconciler.objects.get(digest, limit=LIMIT) == data


@pytest.mark.parametrize("claimed", [">", "*", "the chunks of another"])
async def test_a_forged_description_of_others_chunks_costs_no_other_object_its_own(
    source, bus, claimed
) -> None:
    digest, data = noise(3 * CHUNK)
    await source.objects.put(digest, data)
    if len(claimed) > 1:
        claimed = await nuid(source, str(digest))
    forged, other = noise(10, seed=2)
    subject = "$O.artifacts.M." + base64.urlsafe_b64encode(str(forged).encode()).decode()
    meta = json.dumps({"name": str(forged), "nuid": claimed, "size": 10, "chunks": 3}).encode()
    for mend in (lambda: source.objects.put(forged, other, force=True),
                 lambda: source.objects.delete(forged)):  # fmt: skip
        await bus._jetstream.publish(subject, meta, within=5, headers={"Nats-Rollup": "sub"})
        await mend()
        await source.objects.sweep()
        assert await source.objects.get(digest, limit=LIMIT) == data


async def test_a_cancelled_put_leaves_no_visible_object_and_no_chunks(source) -> None:
    digest, data = noise(40 * CHUNK)
    task = asyncio.create_task(source.objects.put(digest, data))

    async def started() -> bool:
        return (await source.state("OBJ_artifacts"))["messages"] >= 2

    await until(started)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await source.objects.names() == []
    assert await chunks(source) == 0
    await source.objects.put(digest, data)
    assert await source.objects.get(digest, limit=LIMIT) == data


async def test_what_a_killed_writer_left_is_swept_and_what_is_being_written_is_not(
    source, connect_bus, bus
) -> None:
    digest, data = noise(2 * CHUNK)
    await source.objects.put(digest, data)
    for writer in range(3):
        await bus._jetstream.publish(f"$O.artifacts.C.orphan{writer}", b"x", within=5)
    other, large = noise(30 * CHUNK, seed=2)
    task = asyncio.create_task(source.objects.put(other, large))

    async def started() -> bool:
        return (await source.state("OBJ_artifacts"))["messages"] >= 8

    await until(started)
    assert await source.objects.sweep() == 3
    await task
    assert await source.objects.sweep() == 0
    assert await source.objects.get(digest, limit=LIMIT) == data
    assert await source.objects.get(other, limit=LIMIT) == large


async def test_a_server_that_stops_in_the_middle_ends_a_read_within_thirty_seconds(
    nats_server, source, reconciler, monkeypatch
) -> None:
    monkeypatch.setattr("shared.bus.reader.IDLE", 0.5)
    digest, data = noise(60 * CHUNK)
    await source.objects.put(digest, data)
    await reconciler.objects.exists(digest)
    task = asyncio.create_task(reconciler.objects.get(digest, limit=LIMIT))
    await asyncio.sleep(0)
    before = time.monotonic()
    with frozen(nats_server.server.pid), pytest.raises(TransientError):
        await task
    assert time.monotonic() - before < 10
    assert await reconciler.objects.get(digest, limit=LIMIT) == data


async def test_a_lost_connection_ends_a_read_at_once(nats_server, source, reconciler) -> None:
    digest, data = noise(60 * CHUNK)
    await source.objects.put(digest, data)
    os.kill(nats_server.server.pid, signal.SIGSTOP)
    task = asyncio.create_task(reconciler.objects.get(digest, limit=LIMIT))
    await asyncio.sleep(0)
    before = time.monotonic()
    await nats_server.server.kill()
    with pytest.raises(Disconnected):
        await task
    assert time.monotonic() - before < 2


async def test_a_store_that_was_deleted_under_a_living_connection_is_declared_again(
    source, bus
) -> None:
    digest, data = noise(10)
    await bus._jetstream.call("STREAM.DELETE.OBJ_artifacts")

    async def stored() -> bool:
        try:
            await source.objects.put(digest, data)
        except TransientError:
            return False
        return True

    await until(stored, within=5)
    assert await source.objects.get(digest, limit=LIMIT) == data


async def test_many_objects_are_listed_over_many_batches(source, bus) -> None:
    for number in range(300):
        name = f"sha256:{hashlib.sha256(b'%d' % number).hexdigest()}"
        meta = {"name": name, "nuid": str(number), "size": 0, "chunks": 0}
        subject = "$O.artifacts.M." + base64.urlsafe_b64encode(name.encode()).decode()
        await bus._jetstream.publish(subject, json.dumps(meta).encode(), within=5)
    assert len(await source.objects.names()) == 300


async def test_without_a_store_a_put_says_so_and_the_names_are_none(connect_bus) -> None:
    bus = await connect_bus("source")
    digest, data = noise(10)
    with pytest.raises(TransientError):
        await bus.objects.put(digest, data)
    assert await bus.objects.names() == []
