"""The port Watches: what the service relies on, of the fake and of the real one."""

import asyncio
import json
from contextlib import aclosing

import pytest

from services.reconciler.adapters.watches import KubeWatches
from services.reconciler.core.owner import Owner
from services.reconciler.ports import Alive, Kind, Seen, Snapshot
from shared.kube import Kube
from shared.model import ObjectKey
from tests.fakes.reconciler.api import FakeApi
from tests.fakes.reconciler.ports import FakeWatches

CONFIG = Kind(group="", version="v1", kind="ConfigMap", namespaced=True)


class Real(KubeWatches):
    def __init__(self, kube, kubectl):
        super().__init__(kube, declared_labels=f"test={kubectl.namespace}")
        self._kubectl = kubectl
        self.ns = kubectl.namespace

    def apply(self, obj):
        self._kubectl("apply", "--server-side", "--field-manager=test", "-f", "-", stdin=obj)

    def edit(self, name, change):
        self._kubectl("patch", "configmap", name, "--type=merge", "-p", json.dumps(change))

    def delete(self, name):
        self._kubectl("delete", "configmap", name)


class Fake(FakeWatches):
    ns = "ns"

    def apply(self, obj):
        self.api.apply(obj, manager="test")

    def edit(self, name, change):
        self.api.edit(config_key(self.ns, name), change)

    def delete(self, name):
        self.api.delete(config_key(self.ns, name))


@pytest.fixture
def fake():
    return Fake(FakeApi("ns"))


@pytest.fixture
async def real(source_crds, namespaced):
    kube = await Kube.connect(source_crds, name="test")
    yield Real(kube, namespaced)
    await kube.ping()  # time for the end of a watch: its connection says good-bye to the server
    await kube.close()


@pytest.fixture(params=["fake", "real"])
def port(request):
    return request.getfixturevalue(request.param)


def config_key(namespace, name):
    return ObjectKey(group="", kind="ConfigMap", namespace=namespace, name=name)


def config(port, name, *, owned=True):
    labels = Owner(name="app", namespace=port.ns).labels if owned else {}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": port.ns, "labels": labels},
        "data": {"a": "1"},
    }


class Notices:
    """What a watch says about one namespace; a cluster may have more."""

    def __init__(self, port, watch):
        self._namespace, self._watch = port.ns, watch

    def _here(self, objects):
        found = [obj for obj in objects if obj["metadata"].get("namespace") == self._namespace]
        return sorted(found, key=lambda obj: obj["metadata"]["name"])

    async def snapshot(self):
        first = await anext(self._watch)
        assert isinstance(first, Snapshot)
        return self._here(first.objects)

    async def seen(self):
        async with asyncio.timeout(10):
            async for notice in self._watch:
                if isinstance(notice, Seen) and self._here([notice.object]):
                    return notice
                assert isinstance(notice, (Seen, Alive))
        raise AssertionError("the watch ended")
        return None


async def test_managed_objects_are_listed_first_and_then_told_as_they_change(port):
    port.apply(config(port, "one"))
    port.apply(config(port, "other", owned=False))
    async with aclosing(port.managed(CONFIG, whole=True)) as watch:
        notices = Notices(port, watch)
        listed = await notices.snapshot()
        assert [(obj["metadata"]["name"], obj["data"]) for obj in listed] == [("one", {"a": "1"})]
        port.edit("other", {"data": {"a": "2"}})
        port.edit("one", {"data": {"a": "2"}})
        seen = await notices.seen()
        assert (seen.object["metadata"]["name"], seen.object["data"]) == ("one", {"a": "2"})
        assert not seen.gone
        port.apply(config(port, "two"))
        assert (await notices.seen()).object["metadata"]["name"] == "two"
        port.delete("one")
        last = await notices.seen()
        assert (last.object["metadata"]["name"], last.gone) == ("one", True)


async def test_an_object_that_lost_our_label_is_told_as_gone(port):
    port.apply(config(port, "one"))
    async with aclosing(port.managed(CONFIG, whole=False)) as watch:
        notices = Notices(port, watch)
        await notices.snapshot()
        label = dict.fromkeys(config(port, "one")["metadata"]["labels"])
        port.edit("one", {"metadata": {"labels": label}})
        assert (await notices.seen()).gone


async def test_only_metadata_with_managers_come_where_no_more_is_wanted(port):
    port.apply(config(port, "one"))
    async with aclosing(port.managed(CONFIG, whole=False)) as watch:
        notices = Notices(port, watch)
        (obj,) = await notices.snapshot()
        port.edit("one", {"data": {"a": "2"}})
        changed = (await notices.seen()).object
        for one in (obj, changed):
            assert one.keys() == {"apiVersion", "kind", "metadata"}
            assert one["kind"] == "ConfigMap"
            assert one["metadata"]["uid"]
            assert one["metadata"]["managedFields"]


async def test_one_object_of_somebody_else_is_followed_alone(port):
    port.apply(config(port, "one", owned=False))
    port.apply(config(port, "other", owned=False))
    async with aclosing(port.single(CONFIG, config_key(port.ns, "one"))) as watch:
        notices = Notices(port, watch)
        assert [obj["metadata"]["name"] for obj in await notices.snapshot()] == ["one"]
        port.edit("other", {"data": {"a": "2"}})
        port.delete("one")
        last = await notices.seen()
        assert (last.object["metadata"]["name"], last.gone) == ("one", True)


@pytest.mark.parametrize(
    ("kind", "group", "spec"),
    [
        (
            "Kustomization",
            "kustomize.toolkit.fluxcd.io",
            {"interval": "1h", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "r"}},
        ),
        (
            "GitRepository",
            "source.toolkit.fluxcd.io",
            {"url": "http://origin.example/r.git", "interval": "1h"},
        ),
    ],
)
async def test_our_own_kinds_are_followed_whole(port, kind, group, spec):
    declared = {
        "apiVersion": f"{group}/v1",
        "kind": kind,
        "metadata": {"name": "app", "namespace": port.ns, "labels": {"test": port.ns}},
        "spec": spec,
    }
    async with aclosing(port.declared(kind)) as watch:
        notices = Notices(port, watch)
        assert await notices.snapshot() == []
        port.apply(declared)
        seen = (await notices.seen()).object
        assert seen["spec"].items() >= spec.items()
        assert (seen["kind"], seen["apiVersion"]) == (kind, f"{group}/v1")
