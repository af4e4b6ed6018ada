"""The port Declarations: what the service relies on, of the fake and of the real one."""

import base64
import json
from contextlib import aclosing

import pytest

from services.source.adapters.declarations import KubeDeclarations
from services.source.ports import Gone, Seen, Snapshot
from shared.errors import TransientError
from shared.kube import Kube
from shared.kube.errors import Conflict
from tests.fakes.source.ports import FakeDeclarations

KIND = "gitrepositories.source.toolkit.fluxcd.io"


class Held:
    held = True


class Real(KubeDeclarations):
    def __init__(self, kube, kubectl, lease):
        super().__init__(kube, lease, selector=f"test={kubectl.namespace}")
        self._kubectl = kubectl
        self.namespace = kubectl.namespace

    def declare(self, name, **spec):
        body = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": name, "labels": {"test": self.namespace}},
            "spec": {"url": "http://example.com/r", "interval": "1m", **spec},
        }
        self._kubectl("apply", "--server-side", "-f", "-", stdin=body)

    def delete(self, name):
        self._kubectl("delete", KIND, name, "--wait=false")

    def put_secret(self, name, key, value):
        data = {key: base64.b64encode(value).decode()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        self._kubectl("apply", "-f", "-", stdin=body)


class Fake(FakeDeclarations):
    namespace = "ns"

    def put_secret(self, name, key, value):
        self.secrets["ns", name] = {key: value}


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
async def real(source_crds, namespaced):
    kube = await Kube.connect(source_crds, name="test")
    yield Real(kube, namespaced, Held())
    for name in namespaced.run("get", KIND, "-o", "name").stdout.split():
        patch = json.dumps({"metadata": {"finalizers": None}})
        namespaced("patch", name, "--type=merge", "-p", patch)
    await kube.close()


@pytest.fixture(params=["fake", "real"])
def port(request):
    return request.getfixturevalue(request.param)


async def test_a_watch_begins_with_all_and_goes_on_with_changes(port):
    port.declare("one")
    async with aclosing(port.watch()) as notices:
        first = await anext(notices)
        assert isinstance(first, Snapshot)
        assert [obj["metadata"]["name"] for obj in first.objects] == ["one"]
        port.declare("two")
        seen = await anext(notices)
        assert isinstance(seen, Seen)
        assert seen.object["metadata"]["name"] == "two"
        port.delete("two")
        assert isinstance(await anext(notices), Gone)


async def test_a_status_is_merged_and_none_removes(port):
    port.declare("one")
    obj = await port.read(port.namespace, "one")
    obj = await port.write_status(obj, {"observedIgnore": "x", "observedGeneration": 1})
    obj = await port.write_status(obj, {"observedIgnore": None, "lastHandledReconcileAt": "t"})
    assert obj["status"] == {"observedGeneration": 1, "lastHandledReconcileAt": "t"}
    assert await port.read(port.namespace, "one") == obj


async def test_an_old_version_is_not_written_over(port):
    port.declare("one")
    old = await port.read(port.namespace, "one")
    port.declare("one", interval="2m")
    with pytest.raises(Conflict):
        await port.write_status(old, {"observedGeneration": 1})
    with pytest.raises(Conflict):
        await port.set_finalizer(old, present=True)


async def test_the_finalizer_holds_a_deleted_object_until_it_is_taken_off(port):
    port.declare("one")
    obj = await port.set_finalizer(await port.read(port.namespace, "one"), present=True)
    assert obj["metadata"]["finalizers"] == ["finalizers.fluxcd.io"]
    port.delete("one")
    held = await port.read(port.namespace, "one")
    assert held["metadata"]["deletionTimestamp"]
    await port.set_finalizer(held, present=False)
    assert await port.read(port.namespace, "one") is None


async def test_a_secret_is_read_as_bytes_and_its_absence_is_none(port):
    assert await port.secret(port.namespace, "none") is None
    port.put_secret("there", "password", b"\xffp")
    assert await port.secret(port.namespace, "there") == {"password": b"\xffp"}


async def test_without_the_lease_nothing_is_written(source_crds, namespaced):
    kube = await Kube.connect(source_crds, name="test")
    lease = Held()
    port = Real(kube, namespaced, lease)
    port.declare("one")
    obj = await port.read(namespaced.namespace, "one")
    lease.held = False
    with pytest.raises(TransientError, match="not held"):
        await port.write_status(obj, {"observedGeneration": 1})
    with pytest.raises(TransientError, match="not held"):
        await port.set_finalizer(obj, present=True)
    await kube.close()
