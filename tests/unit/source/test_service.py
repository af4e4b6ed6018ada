"""The lanes of the source service, with everything around them in memory and time in our hands."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from services.source.collect import Collect
from services.source.core.retention import Retention
from services.source.core.schedule import Backoff
from services.source.fetch import Fetch
from services.source.publish import Publish
from services.source.service import SourceService, Steps
from shared.errors import TransientError
from shared.messages import Command
from tests.fakes.clock import FakeClock
from tests.fakes.source.ports import (
    FakeAnnouncer,
    FakeDeclarations,
    FakeOrigin,
    FakeReporter,
    FakeStore,
    checkout,
)


class World:
    def __init__(self):
        self.clock = FakeClock()
        self.origin = FakeOrigin()
        self.store = FakeStore()
        self.announcer = FakeAnnouncer()
        self.declarations = FakeDeclarations()
        self.reporter = FakeReporter()
        self.build()

    def build(self):
        publish = Publish(
            self.store,
            self.announcer,
            self.declarations,
            self.reporter,
            self.clock,
            url="http://artifacts",
        )
        collect = Collect(self.store, self.announcer, self.clock, Retention())
        self.service = SourceService(
            Steps(
                fetch=Fetch(self.origin, self.store, self.declarations),
                publish=publish,
                collect=collect,
            ),
            self.declarations,
            self.clock,
            backoff=Backoff(),
            jitter=0.05,
            measure=lambda _key, _seconds: None,
        )

    @property
    def status(self):
        return self.declarations.objects["ns", "app"]["status"]

    @property
    def reasons(self):
        return [event.reason for event, _ in self.reporter.told]

    def occurrences(self, reason):
        return [told for event, told in self.reporter.told if event.reason == reason]

    def condition(self, type_="Ready"):
        found = [c for c in self.status.get("conditions", ()) if c["type"] == type_]
        return (found[0]["status"], found[0]["reason"]) if found else None

    async def settle(self):
        # Everything is in memory: a bounded number of turns of the loop brings it to rest.
        for _ in range(200):
            await asyncio.sleep(0)

    async def advance(self, seconds):
        self.clock.advance(seconds)
        await self.settle()

    def sequence(self):
        return int(self.status["artifact"]["metadata"]["setpoint.dev/sequence"])


@pytest.fixture
async def world():
    made = World()
    task = asyncio.create_task(made.service.run())
    await made.settle()
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_first_sequence_is_the_unix_time_and_each_change_adds_one(world):
    world.declarations.declare("app")
    await world.settle()
    assert world.condition() == ("True", "Succeeded")
    first = world.sequence()
    assert first == int(world.clock.now().timestamp())
    world.origin.head = checkout({"a": "2"}, "b" * 40)
    await world.advance(64)
    assert world.sequence() == first + 1
    # Back to the older commit: that is a change as well.
    world.origin.head = checkout({"a": "1"}, "a" * 40)
    await world.advance(64)
    assert world.sequence() == first + 2
    assert world.announcer.words["ns", "app"].sequence == first + 2


async def test_nothing_new_means_no_write_and_no_word(world):
    world.declarations.declare("app")
    await world.settle()
    writes, said = len(world.declarations.writes), world.announcer.said
    for _ in range(5):
        await world.advance(64)
    assert len(world.origin.questions) == 6
    assert (len(world.declarations.writes), world.announcer.said) == (writes, said)


async def test_a_change_during_a_pass_is_not_passed_off_as_observed(world):
    world.declarations.declare("app")
    await world.settle()

    async def meanwhile():
        world.origin.during = None
        world.declarations.declare("app", ignore="*.md")

    world.origin.during = meanwhile
    world.origin.head = checkout({"a": "2"}, "b" * 40)
    await world.advance(64)
    await world.advance(1)
    assert world.origin.questions[-1].ignore == "*.md"
    assert world.status["observedGeneration"] == 2
    assert world.status["observedIgnore"] == "*.md"


async def test_commands_that_arrive_during_a_pass_cause_one_more(world):
    world.declarations.declare("app")
    await world.settle()
    looks = len(world.origin.questions)
    command = Command(action="look", kind="GitRepository", namespace="ns", name="app")

    async def meanwhile():
        world.origin.during = None
        for _ in range(3):
            world.service.command(command)

    world.origin.during = meanwhile
    world.service.command(command)
    await world.settle()
    assert len(world.origin.questions) == looks + 2


async def test_a_command_for_another_object_of_that_name_is_not_obeyed(world):
    world.declarations.declare("app")
    await world.settle()
    looks = len(world.origin.questions)
    world.service.command(
        Command(action="look", kind="GitRepository", namespace="ns", name="app", uid="other")
    )
    await world.settle()
    assert len(world.origin.questions) == looks


async def test_a_failure_is_told_once_and_its_end_as_well(world):
    world.declarations.declare("app")
    await world.settle()
    world.origin.error = TransientError("the host is away", reason="GitOperationFailed")
    await world.advance(64)
    for _ in range(4):
        await world.advance(900)
    assert world.condition() == ("False", "GitOperationFailed")
    assert world.condition("FetchFailed") == ("True", "GitOperationFailed")
    assert world.condition("Reconciling") == ("True", "ProgressingWithRetry")
    world.origin.error = None
    await world.advance(900)
    assert world.condition() == ("True", "Succeeded")
    assert world.condition("FetchFailed") is None
    assert world.reasons == ["NewArtifact", "GitOperationFailed", "Succeeded"]
    assert len({occurrence for _, occurrence in world.reporter.told}) == 3


async def test_what_the_origin_asks_for_is_the_next_try(world):
    error = TransientError("slow down", reason="GitOperationFailed", retry_after=120)
    world.origin.error = error
    world.declarations.declare("app")
    await world.settle()
    await world.advance(119)
    assert len(world.origin.questions) == 1
    await world.advance(2)
    assert len(world.origin.questions) == 2


async def test_without_the_bus_the_status_stays_ready_until_there_is_something_to_store(world):
    world.declarations.declare("app")
    await world.settle()
    world.store.down = world.announcer.down = True
    await world.advance(64)
    assert world.condition() == ("True", "Succeeded")
    world.origin.head = checkout({"a": "2"}, "b" * 40)
    await world.advance(64)
    assert world.condition("StorageOperationFailed") == ("True", "BusUnreachable")
    assert world.condition("ArtifactOutdated") == ("True", "NewRevision")
    world.store.down = world.announcer.down = False
    world.service.renew(wiped=False)
    await world.settle()
    assert world.condition() == ("True", "Succeeded")
    assert world.announcer.words["ns", "app"].revision == world.status["artifact"]["revision"]


async def test_after_a_wipe_store_and_words_come_back_without_the_origin(world):
    world.declarations.declare("app")
    await world.settle()
    before, word = dict(world.store.stored), dict(world.announcer.words)
    world.store.stored.clear()
    world.announcer.words.clear()
    world.origin.error = TransientError("the host is away", reason="GitOperationFailed")
    world.service.renew(wiped=True)
    await world.settle()
    assert (world.store.stored, world.announcer.words) == (before, word)


async def test_a_lost_artifact_without_a_copy_is_fetched_again_as_the_same_revision(world):
    world.declarations.declare("app")
    await world.settle()
    sequence = world.sequence()
    world.store.stored.clear()
    world.store.kept.clear()
    await world.advance(64)
    assert world.origin.questions[-1].known == ""
    assert world.sequence() == sequence
    assert len(world.store.stored) == 1


async def test_an_artifact_that_is_taken_out_before_its_pass_ends_comes_back_at_once(world):
    announce = world.announcer.announce

    async def meanwhile(revision):
        world.announcer.announce = announce
        await announce(revision)
        obj = world.declarations.objects["ns", "app"]
        world.declarations._store(
            ("ns", "app"), obj | {"status": obj["status"] | {"artifact": None}}
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    world.announcer.announce = meanwhile
    world.declarations.declare("app")
    await world.settle()
    assert world.announcer.announce == announce
    assert world.status["artifact"]


async def test_a_suspended_source_is_left_alone_but_answers(world):
    world.declarations.declare("app", suspend=True)
    world.declarations.annotate("app", "now")
    await world.settle()
    assert world.origin.questions == []
    assert world.status["lastHandledReconcileAt"] == "now"
    assert world.status["observedGeneration"] == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verify", {"mode": "HEAD", "secretRef": {"name": "k"}}),
        ("provider", "github"),
        ("proxySecretRef", {"name": "p"}),
        ("include", [{"repository": {"name": "x"}}]),
        ("recurseSubmodules", True),
        ("sparseCheckout", ["a"]),
    ],
)
async def test_a_field_without_support_stalls_with_its_name_and_keeps_the_artifact(
    world, field, value
):
    world.declarations.declare("app")
    await world.settle()
    artifact = world.status["artifact"]
    world.declarations.declare("app", **{field: value})
    await world.settle()
    assert world.condition() == ("False", "NotSupported")
    assert world.condition("Stalled") == ("True", "NotSupported")
    stalled = next(c for c in world.status["conditions"] if c["type"] == "Stalled")
    assert f"spec.{field} is not supported" in stalled["message"]
    assert world.status["artifact"] == artifact
    looks = len(world.origin.questions)
    await world.advance(3600)
    assert len(world.origin.questions) == looks


async def test_a_bad_address_stalls_as_the_reference_has_it(world):
    world.declarations.declare("app", url="https://user:pw@example.com/r")
    await world.settle()
    assert world.condition("Stalled") == ("True", "URLInvalid")
    assert world.condition("FetchFailed") == ("True", "URLInvalid")
    assert "pw" not in str(world.status)


async def test_a_missing_secret_is_an_authentication_failure(world):
    world.declarations.declare("app", secretRef={"name": "git"})
    await world.settle()
    assert world.condition() == ("False", "AuthenticationFailed")
    world.declarations.secrets["ns", "git"] = {"username": b"u", "password": b"p"}
    await world.advance(900)
    assert world.origin.questions[-1].credentials.username == "u"
    assert world.condition() == ("True", "Succeeded")


async def test_what_nobody_refers_to_goes_after_a_while_and_words_about_the_gone_too(world):
    world.declarations.declare("app")
    await world.settle()
    old = next(iter(world.store.stored))
    world.origin.head = checkout({"a": "2"}, "b" * 40)
    await world.advance(64)
    assert old in world.store.stored
    for _ in range(17):
        await world.advance(60)
    assert old not in world.store.stored
    assert len(world.store.stored) == 1
    world.declarations.delete("app")
    await world.settle()
    assert world.declarations.objects == {}
    for _ in range(17):
        await world.advance(60)
    assert world.store.stored == {}
    assert world.announcer.words == {}


async def test_a_process_that_lives_for_seconds_frees_the_disk_of_what_is_not_in_use(world):
    world.declarations.declare("app")
    await world.settle()
    left = checkout({"a": "0"}, "0" * 40)
    world.store.kept[left.digest] = left.archive
    await world.advance(6)
    assert left.digest not in world.store.kept
    assert len(world.store.kept) == 1


async def test_the_first_pass_looks_once(world):
    world.declarations.declare("app")
    await world.settle()
    assert world.condition() == ("True", "Succeeded")
    assert len(world.origin.questions) == 1


@pytest.fixture
async def hanging(world):
    """An origin that never answers the first question."""

    async def hang():
        world.origin.during = None
        await asyncio.Event().wait()

    world.origin.during = hang
    world.declarations.declare("app")
    await world.settle()
    assert len(world.origin.questions) == 1
    assert world.condition() != ("True", "Succeeded")
    return world


async def test_a_deleted_source_does_not_wait_for_its_origin(hanging):
    hanging.declarations.delete("app")
    await hanging.settle()
    assert hanging.declarations.objects == {}


async def test_a_mended_spec_does_not_wait_for_the_origin_that_it_had(hanging):
    hanging.declarations.declare("app", url="https://git.example.com/another")
    await hanging.settle()
    assert hanging.origin.questions[-1].location.path == "/another"
    assert hanging.condition() == ("True", "Succeeded")
    assert hanging.status["observedGeneration"] == 2


async def test_a_deep_check_that_was_asked_for_outlives_the_look_that_is_given_up(world):
    world.declarations.declare("app")
    await world.settle()
    ensure, deeps = world.store.ensure, []

    async def slow(digest, *, deep=False):
        deeps.append(deep)
        if len(deeps) == 1:
            await asyncio.Event().wait()  # reads all of a large artifact
        return await ensure(digest, deep=deep)

    world.store.ensure = slow
    world.service.command(
        Command(action="republish", kind="GitRepository", namespace="ns", name="app")
    )
    await world.settle()
    world.declarations.declare("app", interval="2m")
    await world.settle()
    assert world.status["observedGeneration"] == 2
    assert deeps == [True, True]


async def test_a_source_that_is_changed_again_while_its_pass_ends_stops_nobody(world):
    ended = asyncio.Event()

    async def linger():
        world.origin.during = None
        try:
            await asyncio.Event().wait()
        finally:
            await ended.wait()  # such as for the end of a process

    world.origin.during = linger
    world.declarations.declare("app")
    await world.settle()
    for path in ("another", "third"):
        world.declarations.declare("app", url=f"https://git.example.com/{path}")
        await world.settle()
    ended.set()
    await world.settle()
    assert world.origin.questions[-1].location.path == "/third"
    assert world.condition() == ("True", "Succeeded")
    assert world.status["observedGeneration"] == 3


async def test_two_sources_do_not_wait_for_each_other(world):
    blocked = asyncio.Event()

    async def hang():
        world.origin.during = None
        await blocked.wait()

    world.origin.during = hang
    world.declarations.declare("slow", uid="uid-0")
    await world.settle()
    world.declarations.declare("app")
    await world.settle()
    assert world.condition() == ("True", "Succeeded")
    blocked.set()
    await world.settle()


# Seconds beyond what other clients of the API can count; the API server takes it all the same.
ENDLESS = "3000000h"


async def test_a_spec_that_cannot_be_read_stops_nobody_and_keeps_its_artifact(world):
    world.declarations.declare("app")
    world.declarations.declare("other", uid="uid-2")
    await world.settle()
    stored = dict(world.store.stored)
    world.declarations.declare("app", interval=ENDLESS)
    await world.settle()
    assert world.condition() == ("False", "Failed")
    assert world.condition("Stalled") == ("True", "Failed")
    assert "spec.interval" in world.status["conditions"][0]["message"]
    looked = len(world.origin.questions)
    for _ in range(17):
        await world.advance(60)
    assert world.store.stored == stored
    assert len(world.origin.questions) > looked
    world.declarations.declare("app")
    await world.settle()
    assert world.condition() == ("True", "Succeeded")
    assert world.condition("Stalled") is None


async def test_a_source_whose_spec_cannot_be_read_can_be_deleted(world):
    world.declarations.declare("app")
    await world.settle()
    world.declarations.declare("app", interval=ENDLESS)
    await world.settle()
    world.declarations.delete("app")
    await world.settle()
    assert world.declarations.objects == {}


async def test_while_a_status_cannot_be_read_nothing_is_collected(world):
    world.declarations.declare("app")
    await world.settle()
    world.declarations.delete("app")
    world.declarations.declare("odd", uid="uid-2")
    await world.settle()
    stored = dict(world.store.stored)
    odd = world.declarations.objects["ns", "odd"]
    world.declarations._store(("ns", "odd"), odd | {"status": {"artifact": {"digest": "?"}}})
    for _ in range(17):
        await world.advance(60)
    assert world.store.stored == stored


async def refused(obj, patch):
    del obj, patch
    raise TransientError("the API server is away", reason="APIServerFailed")


async def test_revisions_whose_status_could_not_be_written_never_share_an_event(world):
    world.declarations.declare("app")
    await world.settle()
    world.declarations.write_status = refused
    world.origin.head = checkout({"a": "2"}, "b" * 40)
    await world.advance(64)
    del world.declarations.write_status
    world.origin.head = checkout({"a": "3"}, "c" * 40)
    await world.advance(64)
    assert world.condition() == ("True", "Succeeded")
    occurrences = world.occurrences("NewArtifact")
    assert len(set(occurrences)) == len(occurrences) == 3


async def test_a_pass_that_is_repeated_for_its_status_tells_the_same_event(world):
    world.declarations.declare("app")
    await world.settle()
    world.declarations.write_status = refused
    world.origin.head = checkout({"a": "2"}, "b" * 40)
    await world.advance(64)
    del world.declarations.write_status
    await world.advance(64)
    assert world.condition() == ("True", "Succeeded")
    _, first, second = world.occurrences("NewArtifact")
    assert first == second


async def silent(question, head):
    del question, head
    raise TransientError("the host is away", reason="GitOperationFailed")


async def test_a_push_by_force_is_told_once_though_the_origin_did_not_say_so_at_first(world):
    world.declarations.declare("app")
    await world.settle()
    world.origin.descends = silent
    world.origin.head = checkout({"a": "2"}, "b" * 40)
    await world.advance(64)
    assert world.condition() == ("True", "Succeeded")
    assert world.reasons == ["NewArtifact", "NewArtifact"]
    del world.origin.descends
    for _ in range(3):
        await world.advance(64)
    assert world.reasons == ["NewArtifact", "NewArtifact", "HistoryRewritten"]


@pytest.mark.parametrize(("later", "told"), [(64, 1), (3600, 0)])
async def test_a_push_by_force_that_one_process_did_not_tell_the_next_tells_while_it_is_news(
    world, later, told
):
    world.declarations.declare("app")
    await world.settle()
    world.origin.descends = silent
    world.origin.head = checkout({"a": "2"}, "b" * 40)
    await world.advance(64)
    following = World()
    following.clock = FakeClock(world.clock.now() + timedelta(seconds=later))
    following.origin.head = world.origin.head
    following.store.stored |= world.store.stored
    following.declarations.objects |= world.declarations.objects
    following.build()
    task = asyncio.create_task(following.service.run())
    await following.settle()
    await following.advance(64)
    assert following.reasons == ["HistoryRewritten"] * told
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_another_branch_is_no_push(world):
    world.declarations.declare("app")
    await world.settle()
    world.declarations.declare("app", ref={"branch": "other"})
    world.origin.head = checkout({"a": "2"}, "b" * 40)
    await world.settle()
    assert world.status["artifact"]["revision"].endswith("b" * 40)
    assert world.reasons == ["NewArtifact", "NewArtifact"]
