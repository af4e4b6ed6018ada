"""One suite per port of the notifier, against the fake and against the real thing."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from aiohttp import web

from services.notifier.adapters.cluster import KubeDeclarations
from services.notifier.adapters.delivered import DeliveredFile
from services.notifier.adapters.http import WebhookChannel
from services.notifier.adapters.letters import BusLetters
from services.notifier.adapters.reset import ResetFile
from services.notifier.core.wire import Reply, Request
from services.notifier.ports import Everything, Seen, Vanished
from shared.bus.streams import DECLARED_BY
from shared.errors import TransientError
from shared.kube import Kube
from shared.messages import DeliveryOrder, Event, InvolvedObject, subjects
from shared.runtime import SystemClock
from shared.runtime.addresses import AddressPolicy
from tests.fakes.notifier.ports import (
    FakeBus,
    FakeChannel,
    FakeDeclarations,
    FakeLetters,
    FakeMark,
    FakeMemory,
)

NOTIFICATION = "notification.toolkit.fluxcd.io"


def involved(namespace="apps", name="app", kind="Kustomization"):
    return InvolvedObject(
        api_version="kustomize.toolkit.fluxcd.io/v1", kind=kind, name=name, namespace=namespace
    )


def event(message="m"):
    return Event(
        involved_object=involved(),
        severity="info",
        timestamp=datetime.now(UTC),
        message=message,
        reason="Progressing",
        reporting_controller="kustomize-controller",
    )


def order(message="m", to="hook"):
    return DeliveryOrder(
        event=event(message),
        event_id=message,
        alert_namespace="apps",
        alert_name="a",
        provider_namespace="apps",
        provider_name=to,
        provider_uid="p-1",
        accepted=datetime.now(UTC),
    )


async def until(look, within=10.0):
    async with asyncio.timeout(within):
        while not await look():
            await asyncio.sleep(0.02)


@pytest.fixture
async def letters_and_bus(request, connect_bus):
    """Give both halves of the bus, in memory or on a real server."""
    if request.param == "fake":
        return FakeLetters(), FakeBus()
    bus = await connect_bus("notifier")
    await bus.declare(*DECLARED_BY["notifier"])
    real = BusLetters(bus, cluster="local", clock=SystemClock())
    return real, real


both = pytest.mark.parametrize("letters_and_bus", ["fake", "real"], indirect=True)


@pytest.fixture
async def background():
    tasks = []

    def run(work):
        tasks.append(asyncio.create_task(work))
        return tasks[-1]

    yield run
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@both
async def test_letters_come_in_order_and_once_per_id(letters_and_bus, background):
    letters, _ = letters_and_bus
    got = []

    async def handle(found):
        got.append(found.event.message)

    for number in (0, 1, 1, 2):
        await letters.enqueue(order(f"m{number}"), id_=f"id-{number}", trace="")
    background(letters.lane("apps", "hook", "p-1", handle))
    await letters.enqueue(order("other", to="else"), id_="x", trace="")
    await letters.enqueue(order("last"), id_="y", trace="")

    async def done():
        return len(got) == 4

    await until(done)
    assert got == ["m0", "m1", "m2", "last"]

    async def only_the_other():
        return await letters.addressees() == {("apps", "else")}

    await until(only_the_other)


async def test_a_subject_that_is_nobodys_hides_no_addressee(connect_bus):
    bus = await connect_bus("notifier")
    await bus.declare(*DECLARED_BY["notifier"])
    letters = BusLetters(bus, cluster="local", clock=SystemClock())
    for subject in ("deliveries.local.Not_A_Namespace.hook", "deliveries.local.short"):
        await bus.publish_raw(subject, b"{}", subject, within=5)
    await letters.enqueue(order("m"), id_="id", trace="")
    assert await letters.addressees() == {("apps", "hook")}


@both
async def test_a_letter_that_a_lane_held_comes_first_in_the_next(letters_and_bus, background):
    letters, _ = letters_and_bus
    got, held = [], asyncio.Event()

    async def hold(found):
        held.set()
        await asyncio.Event().wait()

    async def handle(found):
        got.append(found.event.message)

    for number in range(3):
        await letters.enqueue(order(f"m{number}"), id_=f"id-{number}", trace="")
    lane = background(letters.lane("apps", "hook", "p-1", hold))
    async with asyncio.timeout(10):
        await held.wait()
    lane.cancel()
    with suppress(asyncio.CancelledError):
        await lane
    await letters.close_lanes(set())
    background(letters.lane("apps", "hook", "p-2", handle))

    async def done():
        return len(got) == 3

    await until(done)
    assert got == ["m0", "m1", "m2"]


@both
async def test_a_dead_letter_is_stored_once_per_id(letters_and_bus):
    letters, _ = letters_and_bus
    for _ in range(2):
        await letters.bury(order(), id_="id", reason="refused", attempts=1)
    if isinstance(letters, FakeLetters):
        assert len(letters.buried) == 1
    else:
        assert (await letters._bus.state(subjects.DEADLETTERS))["messages"] == 1


@both
async def test_events_come_again_until_they_are_taken(letters_and_bus, background):
    _, bus = letters_and_bus
    tries = []

    async def handle(found, id_, trace):
        tries.append((found.message, id_))
        if len(tries) == 1:
            raise TransientError("not yet")

    if isinstance(bus, FakeBus):
        bus.tell(event("hello"), "e-1")
    else:
        await bus.say(event("hello"), "e-1")
    background(bus.events(handle))

    async def done():
        return len(tries) == 2

    await until(done)
    assert tries == [("hello", "e-1")] * 2


@both
async def test_looks_are_never_coalesced_on_the_bus(letters_and_bus):
    _, bus = letters_and_bus
    for _ in range(2):
        await bus.look("GitRepository", "apps", "app", "webhook")
    if isinstance(bus, FakeBus):
        assert bus.looks == [("GitRepository", "apps", "app")] * 2
    else:
        assert (await bus._bus.state(subjects.COMMANDS))["messages"] == 2


class Server:
    """An endpoint that answers as it is told."""

    def __init__(self):
        self.answer = Reply(status=200)
        self.url = ""

    async def handle(self, request):
        await request.read()
        if self.answer is None:
            request.transport.abort()
            return web.Response()
        headers = {"Retry-After": self.answer.retry_after} if self.answer.retry_after else {}
        return web.Response(status=self.answer.status, headers=headers, body=self.answer.body)


@pytest.fixture(params=["fake", "real"])
async def channel(request):
    """Give a channel, and a function that says what the other side answers."""
    if request.param == "fake":
        found = FakeChannel()

        def tell(reply):
            found.answers = [TransientError("no answer") if reply is None else reply]

        yield found, tell, "http://example.com/"
        return
    server = Server()
    app = web.Application()
    app.router.add_post("/", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with WebhookChannel(AddressPolicy(["127.0.0.0/8"])) as found:
        yield found, lambda reply: setattr(server, "answer", reply), url
    await runner.cleanup()


async def test_a_channel_returns_what_the_other_side_says(channel):
    found, tell, url = channel
    request = Request(url=url, headers={"x-a": "b"}, body=b"{}", timeout=5)
    for reply in (
        Reply(status=200, body=b"ok"),
        Reply(status=429, retry_after="7", body=b"later"),
        Reply(status=302),
        Reply(status=500),
    ):
        tell(reply)
        answer = await found.send(request)
        assert (answer.status, answer.retry_after) == (reply.status, reply.retry_after)


async def test_a_channel_without_an_answer_is_a_transient_failure(channel):
    found, tell, url = channel
    tell(None)
    with pytest.raises(TransientError):
        await found.send(Request(url=url, headers={}, body=b"{}", timeout=5))


@pytest.fixture(params=["fake", "real"])
def memory(request, tmp_path):
    """Give a function that opens the memory, as a process at its start does."""
    if request.param == "fake":
        kept = FakeMemory()
        return lambda: kept

    def reopened():
        found = DeliveredFile(tmp_path / "data" / "delivered", SystemClock())
        found.open()
        return found

    return reopened


async def test_a_full_disk_costs_the_real_memory_its_tidiness_alone(tmp_path):
    found = DeliveredFile(tmp_path / "delivered", SystemClock())
    found.open()
    await found.remember("0" * 32)
    (tmp_path / "delivered.part").symlink_to("/dev/full")
    again = DeliveredFile(tmp_path / "delivered", SystemClock())
    again.open()
    assert again.knows("0" * 32)


async def test_a_memory_knows_after_a_restart_what_it_was_told(memory):
    first = memory()
    assert not first.knows("0" * 32)
    await first.remember("0" * 32)
    assert first.knows("0" * 32)
    assert memory().knows("0" * 32)
    assert not memory().knows("1" * 32)


@pytest.mark.parametrize("make", [FakeMark, None], ids=["fake", "real"])
def test_a_note_of_a_wipe_is_there_until_it_is_cleared(make, tmp_path):
    mark = make() if make else ResetFile(tmp_path / "data" / "reset")
    moment = datetime.now(UTC)
    assert mark.read() is None
    mark.write(moment)
    assert mark.read() == moment
    mark.clear()
    mark.clear()
    assert mark.read() is None


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-01-01", "\xff", "9" * 2_000_000])
def test_a_note_that_somebody_changed_is_like_none(text, tmp_path):
    (tmp_path / "reset").write_text(text, encoding="latin-1")
    mark = ResetFile(tmp_path / "reset")
    assert mark.read() is None
    moment = datetime.now(UTC)
    mark.write(moment)
    assert mark.read() == moment


async def test_a_memory_that_somebody_changed_is_read_as_far_as_it_is_ours(tmp_path):
    path = tmp_path / "delivered"
    known = f"{'0' * 32} {datetime.now(UTC).timestamp():.0f}\n"
    path.write_text(f"junk\n{'1' * 32} {'9' * 5000}\n{'2' * 32} -1\n{'x' * 100_000}\n{known}")
    found = DeliveredFile(path, SystemClock())
    found.open()
    assert found.knows("0" * 32)
    assert not found.knows("2" * 32)
    await found.remember("3" * 32)
    with path.open("r+b") as file:
        file.truncate(2**34)  # sparse: it takes no room
    found = DeliveredFile(path, SystemClock())
    found.open()
    assert not found.knows("0" * 32), "nothing of it can be trusted"
    assert path.stat().st_size == 0


class Cluster:
    """The same deeds in memory and with kubectl."""

    def __init__(self, declarations, kubectl, namespace):
        self.declarations = declarations
        self.kubectl = kubectl
        self.namespace = namespace

    def put(self, name, **labels):
        data = {
            "apiVersion": f"{NOTIFICATION}/v1beta3",
            "kind": "Provider",
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
            "spec": {"type": "generic"},
        }
        if self.kubectl is None:
            self.declarations.put(data)
        else:
            self.kubectl("apply", "--server-side", "-f", "-", stdin=data)

    def drop(self, name):
        if self.kubectl is None:
            self.declarations.drop("Provider", self.namespace, name)
        else:
            self.kubectl("delete", "provider", name)

    def secret(self, name, **entries):
        if self.kubectl is None:
            values = {key: value.encode() for key, value in entries.items()}
            self.declarations.secrets[self.namespace, name] = values
        else:
            literals = [f"--from-literal={key}={value}" for key, value in entries.items()]
            self.kubectl("create", "secret", "generic", name, *literals)


@pytest.fixture(params=["fake", "real"])
async def cluster(request, kubeconfig, crds, namespaced):
    if request.param == "fake":
        yield Cluster(FakeDeclarations(), None, "apps")
        return
    kube = await Kube.connect(kubeconfig, name="test")
    yield Cluster(KubeDeclarations(kube), namespaced, namespaced.namespace)
    await kube.close()


async def test_a_watch_begins_with_everything_and_tells_changes(cluster):
    cluster.put("one")
    watch = cluster.declarations.watch("Provider")
    async with asyncio.timeout(20):
        first = await anext(watch)
        assert isinstance(first, Everything)
        assert "one" in [found["metadata"]["name"] for found in first.objects]
        cluster.put("two")
        assert isinstance(await _of(watch, "two"), Seen)
        cluster.drop("two")
        assert isinstance(await _of(watch, "two"), Vanished)
    await watch.aclose()


async def _of(watch, name):
    # Other tests' objects may come and go meanwhile.
    while True:
        sighting = await anext(watch)
        if sighting.object["metadata"]["name"] == name:
            return sighting


async def test_secrets_are_read_as_bytes_and_may_be_missing(cluster):
    assert await cluster.declarations.secret(cluster.namespace, "token") is None
    cluster.secret("token", token="sesame")
    found = await cluster.declarations.secret(cluster.namespace, "token")
    assert found == {"token": b"sesame"}


async def test_labels_choose_objects(cluster):
    cluster.put("one", team="red")
    cluster.put("two", team="blue")
    found = await cluster.declarations.objects(
        NOTIFICATION, "Provider", namespace=cluster.namespace, labels={"team": "red"}
    )
    assert [item["metadata"]["name"] for item in found] == ["one"]


async def test_metadata_of_an_object_that_is_not_there_is_none(cluster):
    about = InvolvedObject(
        api_version=f"{NOTIFICATION}/v1beta3",
        kind="Provider",
        name="one",
        namespace=cluster.namespace,
    )
    assert await cluster.declarations.metadata(about) is None
    cluster.put("one", team="red")
    found = await cluster.declarations.metadata(about)
    assert found.labels["team"] == "red"


async def test_a_status_is_merged_and_a_missing_object_does_not_matter(cluster):
    cluster.put("one")
    write = cluster.declarations.write_status
    await write("Provider", cluster.namespace, "one", {"observedGeneration": 1})
    await write("Provider", cluster.namespace, "one", {"observedGeneration": 2})
    await write("Provider", cluster.namespace, "missing", {"observedGeneration": 2})
    (found,) = await cluster.declarations.objects(
        NOTIFICATION, "Provider", namespace=cluster.namespace
    )
    assert found["status"] == {"observedGeneration": 2}
