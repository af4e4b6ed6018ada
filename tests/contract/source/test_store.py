"""The port ArtifactStore: what the service relies on, of the fake and of the real one."""

import asyncio
import os
import threading

import pytest

from services.source.adapters.store import BusStore
from shared.bus.streams import DECLARED_BY
from shared.errors import TransientError
from shared.model import Digest
from tests.fakes.source.ports import FakeStore, checkout

ONE, TWO = checkout({"a": "1"}, "a" * 40), checkout({"a": "2"}, "b" * 40)


@pytest.fixture
def fake():
    return FakeStore()


@pytest.fixture
async def real(connect_bus, tmp_path):
    bus = await connect_bus("source")
    await bus.declare(*DECLARED_BY["source"])
    return BusStore(bus.objects, tmp_path / "artifacts", grace=0.0)


@pytest.fixture(params=["fake", "real"])
def store(request):
    return request.getfixturevalue(request.param)


async def test_what_was_put_is_there_with_its_index(store):
    assert not await store.ensure(ONE.digest)
    await store.put(ONE)
    await store.put(ONE)
    assert await store.ensure(ONE.digest)
    assert sorted(await store.names()) == [str(ONE.digest), f"{ONE.digest}.index"]


async def test_what_the_store_lost_comes_back_from_disk(store):
    await store.put(ONE)
    await store.remove(ONE.digest)
    assert await store.names() == []
    assert await store.ensure(ONE.digest)
    assert len(await store.names()) == 2


async def test_a_deep_look_finds_what_is_whole_whole(store):
    await store.put(ONE)
    assert await store.ensure(ONE.digest, deep=True)


async def test_the_disk_forgets_what_is_not_in_use(store):
    await store.put(ONE)
    await store.put(TWO)
    await store.keep(frozenset({TWO.digest}))
    await store.remove(ONE.digest)
    await store.remove(TWO.digest)
    assert not await store.ensure(ONE.digest)
    assert await store.ensure(TWO.digest)


async def test_what_was_just_put_is_spared_until_a_status_can_name_it(connect_bus, tmp_path):
    bus = await connect_bus("source")
    await bus.declare(*DECLARED_BY["source"])
    store = BusStore(bus.objects, tmp_path / "artifacts")
    await store.put(ONE)
    await store.keep(frozenset())
    await store.remove(ONE.digest)
    assert await store.ensure(ONE.digest)


async def test_removing_what_is_not_there_is_no_fault(store):
    await store.remove(Digest.of(b"nothing"))


async def test_a_full_disk_is_said_and_nothing_is_stored_without_its_copy(real, tmp_path):
    part = tmp_path / "artifacts" / f"{ONE.digest.hex}.tar.gz.part"
    part.symlink_to("/dev/full")
    with pytest.raises(TransientError, match=r"cannot be kept in .*No space left") as caught:
        await real.put(ONE)
    assert caught.value.reason == "StorageOperationFailed"
    assert await real.names() == []
    part.unlink()
    await real.put(ONE)
    assert await real.ensure(ONE.digest)


async def test_two_sources_with_the_same_content_do_not_write_into_each_others_files(
    real, tmp_path, monkeypatch
):
    folder, fsync, writing = tmp_path / "artifacts", os.fsync, []
    second = threading.Event()

    def slow(descriptor):
        writing.append(descriptor)
        if len(writing) > 1:
            second.set()  # another one writes before the first has its file in its place
        elif second.wait(0.2):
            raise AssertionError("two write one file")
        fsync(descriptor)

    monkeypatch.setattr("services.source.adapters.store.os.fsync", slow)
    await asyncio.gather(real.put(ONE), real.put(ONE))
    assert sorted(path.suffix for path in folder.iterdir()) == [".gz", ".index"]
    assert await real.ensure(ONE.digest)


async def test_a_disk_that_gives_no_room_back_ends_no_work(real, tmp_path):
    (tmp_path / "artifacts" / "old.tar.gz").mkdir()  # is not removed as a file is
    await real.put(ONE)
    await real.keep(frozenset({ONE.digest}))
    assert await real.ensure(ONE.digest)


async def test_what_is_no_file_in_its_folder_is_not_waited_for_and_holds_up_nothing(real, tmp_path):
    folder = tmp_path / "artifacts"
    await real.put(ONE)
    await real.put(TWO)
    # The newest is looked at first; what comes after it goes all the same.
    (folder / "zz").mkdir()
    (folder / "nowhere").symlink_to("missing")
    await real.keep(frozenset({TWO.digest}))
    assert not list(folder.glob(f"{ONE.digest.hex}*"))
    kept = folder / f"{TWO.digest.hex}.tar.gz"
    kept.unlink()
    os.mkfifo(kept)
    await real.remove(TWO.digest)
    assert not await real.ensure(TWO.digest)
    kept.unlink()
    with kept.open("wb") as file:
        file.truncate(2**40)  # sparse: it takes no room
    assert not await real.ensure(TWO.digest)
