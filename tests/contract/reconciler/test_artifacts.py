"""The port Artifacts: what the service relies on, of the fake and of the real one."""

import asyncio
import os
from datetime import UTC, datetime

import pytest

from services.reconciler.adapters.artifacts import BusArtifacts
from shared.artifact import File, Tree, encode_index, index, pack
from shared.bus.object_meta import CHUNKS, describe, meta_subject
from shared.bus.objects import CHUNK
from shared.bus.streams import ALL
from shared.errors import TransientError, WaitingError
from shared.messages import Command, payload_as
from shared.model import Digest
from tests.fakes.clock import FakeClock
from tests.fakes.reconciler.ports import FakeArtifacts

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Real(BusArtifacts):
    """The adapter, and beside it the source that fills the store."""

    def __init__(self, bus, admin, folder, clock):
        super().__init__(bus, folder, cluster="local", clock=clock)
        self._admin = admin

    async def store(self, files):
        tree = Tree({path: File(data=text.encode()) for path, text in files.items()})
        data, entries = pack(tree), encode_index(index(tree))
        digest = Digest.of(data)
        await self._admin.objects.put(digest, data)
        await self._admin.objects.put_index(digest, entries)
        return digest, Digest.of(entries)

    async def lose(self, digest):
        await self._admin.objects.delete(digest)

    async def damage(self, digest):
        """Store as another user of the bus may: bytes without the digest, under its name."""
        nuid, data = "forged", b"no artifact"
        await self._admin._jetstream.publish(f"{CHUNKS}{nuid}", data, within=5)
        meta = describe(str(digest), nuid, digest, len(data), 1, CHUNK, NOW)
        headers = {"Nats-Rollup": "sub"}
        subject = meta_subject(str(digest))
        await self._admin._jetstream.publish(subject, meta, within=5, headers=headers)

    async def commands(self):
        found = [item async for item in self._admin.read("COMMANDS", "commands.>")]
        words = [payload_as(item.envelope, Command) for item in found]
        return [(word.namespace, word.name) for word in words if word.action == "republish"]


class Fake(FakeArtifacts):
    async def store(self, files):
        return self.put(files)

    async def lose(self, digest):
        del self.stored[digest]

    async def damage(self, digest):
        self.stored[digest] = b"no artifact"

    async def commands(self):
        return self.asked


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def fake(clock):
    return Fake(clock)


@pytest.fixture
async def real(connect_bus, clock, tmp_path):
    admin = await connect_bus()
    await admin.declare(*ALL)
    return Real(await connect_bus("reconciler"), admin, tmp_path / "artifacts", clock)


@pytest.fixture(params=["fake", "real"])
def artifacts(request):
    return request.getfixturevalue(request.param)


async def test_an_artifact_is_its_bytes_and_its_index_the_files(artifacts):
    digest, index_digest = await artifacts.store({"a": "1", "sub/b": "2"})
    assert digest.matches(await artifacts.get(digest))
    found = await artifacts.index(digest, str(index_digest))
    assert set(found.files) == {"a", "sub/b"}


async def test_an_artifact_that_is_not_there_is_waited_for(artifacts):
    with pytest.raises(WaitingError):
        await artifacts.get(Digest.of(b"nothing"))


async def test_bytes_without_the_digest_are_never_handed_out(artifacts):
    digest, _ = await artifacts.store({"a": "1"})
    await artifacts.damage(digest)
    with pytest.raises(TransientError) as caught:
        await artifacts.get(digest)
    assert caught.value.reason == "ArtifactTorn"


async def test_an_index_of_another_digest_or_of_none_is_none(artifacts):
    digest, index_digest = await artifacts.store({"a": "1"})
    assert await artifacts.index(digest, str(Digest.of(b"other"))) is None
    assert await artifacts.index(digest, "") is None
    assert await artifacts.index(Digest.of(b"nothing"), str(index_digest)) is None


async def test_source_is_asked_once_in_10_s_for_each_source(artifacts, clock):
    for name in ("one", "one", "two"):
        await artifacts.republish(namespace="ns", name=name, uid="u")
    assert await artifacts.commands() == [("ns", "one"), ("ns", "two")]
    clock.advance(10)
    await artifacts.republish(namespace="ns", name="one", uid="u")
    assert await artifacts.commands() == [("ns", "one"), ("ns", "two"), ("ns", "one")]


async def test_what_is_in_use_outlives_the_store(artifacts):
    digest, _ = await artifacts.store({"a": "1"})
    artifacts.keep(frozenset({digest}))
    data = await artifacts.get(digest)
    await artifacts.lose(digest)
    assert await artifacts.get(digest) == data


async def test_what_stands_in_an_artifacts_place_on_disk_is_neither_waited_for_nor_believed(
    real, tmp_path
):
    folder = tmp_path / "artifacts"
    folder.mkdir()
    digest, _ = await real.store({"a": "1"})
    os.mkfifo(folder / f"{digest.hex}.tar.gz")
    (folder / "note.tar.gz").write_bytes(b"no artifact")
    async with asyncio.timeout(10):
        assert digest.matches(await real.get(digest))
    huge, _ = await real.store({"b": "2"})
    with (folder / f"{huge.hex}.tar.gz").open("wb") as file:
        file.truncate(2**34)  # sparse: it takes no room
    async with asyncio.timeout(10):
        assert huge.matches(await real.get(huge))
