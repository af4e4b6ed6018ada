"""The port Declarations: what the service relies on, of the fake and of the real one."""

import base64
import json

import pytest

from services.reconciler.adapters.declarations import KubeDeclarations
from shared.errors import WaitingError
from shared.kube import Kube
from shared.kube.errors import Conflict
from shared.model import ObjectKey
from tests.fakes.reconciler.api import FakeApi
from tests.fakes.reconciler.ports import FakeDeclarations, kustomization_key

KIND = "kustomizations.kustomize.toolkit.fluxcd.io"


def body(namespace, **spec):
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {
            "interval": "1h",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "repo"},
            **spec,
        },
    }


class Real(KubeDeclarations):
    def __init__(self, kube, kubectl):
        self.holds_lease = True
        super().__init__(kube, may_write=lambda: self.holds_lease)
        self._kubectl = kubectl
        self.ns = kubectl.namespace

    def declare(self, **spec):
        self._kubectl(
            "apply", "--server-side", "--field-manager=test", "-f", "-", stdin=body(self.ns, **spec)
        )

    def delete(self):
        self._kubectl("delete", KIND, "app", "--wait=false")

    def put(self, kind, name, **data):
        stored = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": data}
        self._kubectl("apply", "-f", "-", stdin=stored)


class Fake(FakeDeclarations):
    ns = "ns"

    def declare(self, **spec):
        self.api.apply(body(self.ns, **spec), manager="test")

    def delete(self):
        self.api.delete(kustomization_key(self.ns, "app"))

    def put(self, kind, name, **data):
        key = ObjectKey(group="", kind=kind, namespace=self.ns, name=name)
        metadata = {"name": name, "namespace": self.ns}
        stored = {"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data}
        assert self.api.apply(stored, manager="test")
        assert self.api.find(key)


@pytest.fixture
def fake():
    return Fake(FakeApi("ns"))


@pytest.fixture
async def real(source_crds, namespaced):
    kube = await Kube.connect(source_crds, name="test")
    yield Real(kube, namespaced)
    for name in namespaced.run("get", KIND, "-o", "name").stdout.split():
        patch = json.dumps({"metadata": {"finalizers": None}})
        namespaced("patch", name, "--type=merge", "-p", patch)
    await kube.close()


@pytest.fixture(params=["fake", "real"])
def port(request):
    return request.getfixturevalue(request.param)


async def test_one_that_is_not_there_is_none(port):
    assert await port.read(port.ns, "app") is None


def of_others(obj):
    return [one for one in obj["metadata"]["managedFields"] if one["manager"] == "test"]


async def test_a_status_takes_the_place_of_the_one_before_and_nothing_else_changes(port):
    port.declare()
    obj = await port.set_finalizer(await port.read(port.ns, "app"), present=True)
    before = obj
    inventory = {"entries": [{"id": "ns_one__ConfigMap", "v": "v1"}]}
    obj = await port.write_status(
        obj, {"lastAppliedRevision": "x", "inventory": inventory, "observedGeneration": 1}
    )
    obj = await port.write_status(obj, {"inventory": {"entries": []}, "observedGeneration": 1})
    assert obj["status"] == {"inventory": {"entries": []}, "observedGeneration": 1}
    assert await port.read(port.ns, "app") == obj
    kept = ("generation", "uid", "labels", "annotations", "finalizers", "creationTimestamp")
    assert [obj["metadata"].get(name) for name in kept] == [
        before["metadata"].get(name) for name in kept
    ]
    assert (obj["spec"], obj["kind"]) == (before["spec"], before["kind"])
    assert of_others(obj) == of_others(before) != []


async def test_an_old_version_is_not_written_over(port):
    port.declare()
    old = await port.read(port.ns, "app")
    port.declare(path="./other")
    with pytest.raises(Conflict):
        await port.write_status(old, {"observedGeneration": 1})
    with pytest.raises(Conflict):
        await port.set_finalizer(old, present=True)
    newest = await port.read(port.ns, "app")
    assert newest["metadata"]["generation"] == 2
    assert "finalizers" not in newest["metadata"]


async def test_annotations_come_with_the_finalizer_beside_those_of_others(port):
    port.declare()
    obj = await port.set_finalizer(
        await port.read(port.ns, "app"), present=True, annotations={"a.dev/one": "1"}
    )
    obj = await port.set_finalizer(obj, present=True, annotations={"a.dev/two": "2"})
    assert obj["metadata"]["annotations"] == {"a.dev/one": "1", "a.dev/two": "2"}
    assert obj["metadata"]["finalizers"] == ["finalizers.fluxcd.io"]
    assert obj["metadata"]["generation"] == 1


async def test_the_finalizer_holds_a_deleted_object_until_it_is_taken_off(port):
    port.declare()
    obj = await port.set_finalizer(await port.read(port.ns, "app"), present=True)
    assert obj["metadata"]["finalizers"] == ["finalizers.fluxcd.io"]
    port.delete()
    held = await port.read(port.ns, "app")
    assert held["metadata"]["deletionTimestamp"]
    await port.set_finalizer(held, present=False)
    assert await port.read(port.ns, "app") is None


async def test_values_come_as_text_from_config_maps_and_secrets(port):
    for kind in ("ConfigMap", "Secret"):
        assert await port.values(kind, port.ns, "values") is None
    port.put("ConfigMap", "values", a="1")
    port.put("Secret", "values", token=base64.b64encode(b"Sup3r").decode())
    assert await port.values("ConfigMap", port.ns, "values") == {"a": "1"}
    assert await port.values("Secret", port.ns, "values") == {"token": "Sup3r"}


async def test_binary_data_of_a_secret_is_no_text(port):
    port.put("Secret", "values", raw=base64.b64encode(b"\xff\xfe").decode())
    assert await port.values("Secret", port.ns, "values") == {"raw": ""}


async def test_without_the_lease_nothing_is_written(real):
    real.declare()
    obj = await real.read(real.ns, "app")
    real.holds_lease = False
    for write in (
        real.write_status(obj, {"observedGeneration": 1}),
        real.set_finalizer(obj, present=True),
    ):
        with pytest.raises(WaitingError) as caught:
            await write
        assert caught.value.reason == "NotLeader"
    assert await real.read(real.ns, "app") == obj
