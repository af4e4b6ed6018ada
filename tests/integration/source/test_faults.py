"""The running service under faults: killed between any two side effects, the bus away or wiped."""

import asyncio
import shutil
import signal

import pytest
from aiohttp import web

from shared.errors import SetpointError
from shared.model import Digest
from tests.fixtures.source import until


def sequence(artifact):
    return int(artifact["metadata"]["setpoint.dev/sequence"])


@pytest.mark.parametrize(
    "point", ["source.stored", "source.told", "source.status", "source.announced"]
)
async def test_a_kill_between_two_side_effects_costs_nothing_but_time(rig, point):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    await until(rig.announced, "the first announcement")
    before = rig.artifact()
    rig.service.signal(signal.SIGTERM)
    commit = rig.repo.commit({"a": "2"}, message="Second")
    rig.service.start(SETPOINT_KILL_AT=point)
    # In a thread: the Git server runs in this loop.
    code = await asyncio.to_thread(rig.service.process.wait, 20)
    assert code == -signal.SIGKILL, rig.service.log
    rig.service.start()
    after = await rig.revision(commit)
    await rig.wait()
    assert sequence(after) == sequence(before) + 1
    assert await rig.bus.objects.exists(Digest.parse(after["digest"]))

    async def told():
        word = await rig.announced()
        return word if word and word.revision == after["revision"] else None

    word = await until(told, "the announcement")
    assert (word.sequence, word.digest) == (sequence(after), after["digest"])
    events = [item for item in await rig.events() if item.payload["reason"] == "NewArtifact"]
    second = [item.id for item in events if "Second" in item.payload["message"]]
    assert len(set(second)) == 1


async def test_everything_is_published_again_after_the_bus_lost_all(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    await until(rig.announced, "the announcement")
    before = rig.artifact()
    # The origin is away as well: what is on disk must do.
    rig.git.answer = _gone
    await rig.nats.server.kill()
    shutil.rmtree(rig.nats.data_dir / "jetstream", ignore_errors=True)
    await rig.nats.restart()
    await until(lambda: rig.bus.connected, "NATS")

    async def there():
        try:
            return await rig.bus.objects.exists(Digest.parse(before["digest"]))
        except SetpointError:  # the stream is not declared yet
            return False

    await until(there, "the artifact", within=60)

    async def told():
        try:
            return await rig.announced()
        except SetpointError:  # the stream is not declared yet
            return None

    word = await until(told, "the announcement", within=60)
    assert (word.sequence, word.digest) == (sequence(before), before["digest"])
    assert rig.artifact() == before


def _gone(_request):
    return web.Response(status=503)


async def test_without_nats_a_new_commit_waits_and_is_stored_when_nats_is_back(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare(interval="1s")
    await rig.wait()
    before = rig.artifact()
    await rig.nats.server.kill()
    commit = rig.repo.commit({"a": "2"})
    await rig.wait("StorageOperationFailed")
    assert rig.condition()["status"] == "False"
    assert rig.artifact() == before
    assert rig.condition("ArtifactOutdated")["reason"] == "NewRevision"
    await rig.nats.restart()
    after = await rig.revision(commit)
    await rig.wait()
    assert sequence(after) == sequence(before) + 1
    assert rig.condition("StorageOperationFailed") == {}


async def test_an_artifact_that_was_lost_is_stored_again_when_somebody_asks(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    digest = Digest.parse(rig.artifact()["digest"])
    await rig.bus.objects.delete(digest)
    shutil.rmtree(rig.service.data_dir / "artifacts")
    (rig.service.data_dir / "artifacts").mkdir()
    await rig.command("republish")
    await until(lambda: rig.bus.objects.exists(digest), "the artifact")


async def test_a_second_service_waits_while_the_first_holds_the_lease(rig, tmp_path):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    second = type(rig.service)(
        rig.service.kubeconfig, rig.nats, tmp_path / "second", rig.service.namespace
    )
    second.start()
    try:
        await until(lambda: "waiting for the lease" in second.log, "the wait", within=30)
        rig.service.signal(signal.SIGTERM)
        commit = rig.repo.commit({"a": "2"})
        rig.annotate("now")
        await rig.revision(commit)
    finally:
        second.kill()


async def test_events_that_did_not_fit_into_the_outbox_are_told_with_their_number(rig):
    rig.service.data_dir.mkdir()
    (rig.service.data_dir / "outbox.refused").write_text("3 some-event")
    rig.service.start()

    async def told():
        found = [item.payload for item in await rig.events()]
        return [event for event in found if event["reason"] == "EventsRefused"]

    [event] = await until(told, "the number")
    assert event["message"].startswith("3 events of setpoint-source could not be kept")
    assert event["reportingController"] == "source-controller"
