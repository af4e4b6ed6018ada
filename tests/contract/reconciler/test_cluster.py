"""The port Cluster: what the service relies on, of the fake and of the real one."""

import json

import pytest

from services.reconciler.adapters.cluster import KubeCluster
from services.reconciler.core.fields import own_entry
from services.reconciler.core.manifest import MANAGER, key_of
from services.reconciler.core.ownership import fold
from services.reconciler.core.receipt import token_of
from services.reconciler.ports import Kind
from shared.errors import SetpointError, StalledError, WaitingError
from shared.kube import Kube
from shared.kube.errors import Conflict
from shared.model import ObjectKey
from tests.fakes.reconciler.api import FakeApi
from tests.fakes.reconciler.ports import FakeCluster


class Real(KubeCluster):
    def __init__(self, kube, kubectl):
        self.holds_lease = True
        super().__init__(kube, may_write=lambda: self.holds_lease)
        self._kubectl = kubectl
        self.ns = kubectl.namespace

    def edit(self, key, change, manager="kubectl-edit"):
        self._kubectl(
            "patch", key.kind.lower(), key.name, "--type=merge", f"--field-manager={manager}",
            "-p", json.dumps(change),
        )  # fmt: skip


class Fake(FakeCluster):
    ns = "ns"

    def edit(self, key, change, manager="kubectl-edit"):
        self.api.edit(key, change, manager=manager)


@pytest.fixture
def fake():
    return Fake(FakeApi("ns"))


@pytest.fixture
async def real(kubeconfig, namespaced):
    kube = await Kube.connect(kubeconfig, name="test")
    yield Real(kube, namespaced)
    await kube.close()


@pytest.fixture(params=["fake", "real"])
def cluster(request):
    return request.getfixturevalue(request.param)


def config(cluster, name="one", **data):
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": cluster.ns},
        "data": data or {"a": "1"},
    }


def workload(cluster, replicas=0):
    labels = {"app": "web"}
    container = {"name": "web", "image": "registry.example/web:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": cluster.ns},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def version(obj):
    return obj["metadata"]["resourceVersion"]


async def test_a_kind_is_known_with_its_scope_and_an_unknown_one_is_none(cluster):
    served = Kind(group="apps", version="v1", kind="Deployment", namespaced=True)
    assert await cluster.kind("apps", "Deployment") == served
    assert await cluster.kind("apps", "Deployment", "v1") == served
    assert not (await cluster.kind("", "Namespace")).namespaced
    assert await cluster.kind("apps", "Deployment", "v9") is None
    assert await cluster.kind("example.dev", "Thing") is None


async def test_an_object_that_is_not_there_or_of_no_kind_is_none(cluster):
    assert await cluster.get(key_of(config(cluster))) is None
    thing = ObjectKey(group="example.dev", kind="Thing", namespace=cluster.ns, name="t")
    assert await cluster.get(thing) is None


async def test_an_apply_of_equal_content_gives_no_new_version(cluster):
    first = await cluster.apply(config(cluster))
    assert await cluster.apply(config(cluster)) == first
    assert await cluster.get(key_of(first)) == first
    assert own_entry(first, MANAGER).operation == "Apply"


async def test_a_field_that_is_declared_no_more_goes(cluster):
    first = await cluster.apply(config(cluster, a="1", b="2"))
    second = await cluster.apply(config(cluster, a="1"))
    assert second["data"] == {"a": "1"}
    assert version(second) != version(first)
    assert token_of(second) != token_of(first)


async def test_a_field_of_somebody_else_stays_and_a_taken_one_is_taken_back(cluster):
    obj = await cluster.apply(config(cluster))
    cluster.edit(key_of(obj), {"data": {"a": "9", "theirs": "x"}})
    live = await cluster.get(key_of(obj))
    assert token_of(live) != token_of(obj)
    healed = await cluster.apply(config(cluster))
    assert healed["data"] == {"a": "1", "theirs": "x"}
    assert token_of(healed).partition("@")[0] == token_of(obj).partition("@")[0]


async def test_the_generation_counts_changes_of_the_spec_of_kinds_that_have_one(cluster):
    assert (await cluster.apply(workload(cluster)))["metadata"]["generation"] == 1
    assert (await cluster.apply(workload(cluster, 1)))["metadata"]["generation"] == 2
    assert "generation" not in (await cluster.apply(config(cluster)))["metadata"]


async def test_a_dry_run_says_what_would_be_and_changes_nothing(cluster):
    first = await cluster.apply(config(cluster))
    answer = await cluster.apply(config(cluster, a="2"), dry_run=True)
    assert answer["data"] == {"a": "2"}
    assert await cluster.get(key_of(first)) == first
    other = await cluster.apply(config(cluster, "other"), dry_run=True)
    assert await cluster.get(key_of(other)) is None


async def test_an_object_in_no_namespace_or_of_no_kind_waits_for_it(cluster):
    lost = config(cluster)
    lost["metadata"]["namespace"] = "no-such-namespace"
    with pytest.raises(WaitingError, match="no-such-namespace"):
        await cluster.apply(lost)
    thing = {**config(cluster), "apiVersion": "example.dev/v1", "kind": "Thing"}
    with pytest.raises(WaitingError, match="Thing"):
        await cluster.apply(thing)


async def test_an_immutable_object_is_refused_for_good(cluster):
    await cluster.apply({**config(cluster), "immutable": True})
    with pytest.raises(StalledError, match="immutable") as caught:
        await cluster.apply({**config(cluster, a="2"), "immutable": True})
    assert caught.value.reason == "Invalid"


async def test_fields_of_another_tool_are_folded_into_ours(cluster):
    obj = await cluster.apply(config(cluster))
    cluster.edit(key_of(obj), {"data": {"b": "2"}})
    both = await cluster.apply(config(cluster, a="1", b="2"))
    folded = await cluster.rewrite_managers(key_of(obj), fold(both))
    assert fold(folded) is None
    assert (await cluster.apply(config(cluster)))["data"] == {"a": "1"}


async def test_managers_of_an_object_that_changed_since_are_not_rewritten(cluster):
    obj = await cluster.apply(config(cluster))
    cluster.edit(key_of(obj), {"data": {"b": "2"}})
    both = await cluster.apply(config(cluster, a="1", b="2"))
    cluster.edit(key_of(obj), {"data": {"c": "3"}})
    with pytest.raises(SetpointError) as caught:
        await cluster.rewrite_managers(key_of(obj), fold(both))
    assert caught.value.reason in {"Invalid", "Conflict"}


async def test_exactly_the_object_that_was_seen_is_deleted(cluster):
    first = await cluster.apply(config(cluster))
    key, uid = key_of(first), first["metadata"]["uid"]
    second = await cluster.apply(config(cluster, a="2"))
    with pytest.raises(Conflict):
        await cluster.delete(key, uid=uid, resource_version=version(first))
    with pytest.raises(Conflict):
        await cluster.delete(key, uid="another", resource_version=version(second))
    assert await cluster.delete(key, uid=uid, resource_version=version(second))
    assert await cluster.get(key) is None
    assert not await cluster.delete(key, uid=uid, resource_version=version(second))


async def test_an_object_with_a_finalizer_is_there_until_it_is_taken_off(cluster):
    obj = await cluster.apply(config(cluster))
    key = key_of(obj)
    cluster.edit(key, {"metadata": {"finalizers": ["example.dev/hold"]}})
    meta = (await cluster.get(key))["metadata"]
    accepted = await cluster.delete(key, uid=meta["uid"], resource_version=meta["resourceVersion"])
    assert accepted
    assert (await cluster.get(key))["metadata"]["deletionTimestamp"]
    cluster.edit(key, {"metadata": {"finalizers": None}})
    assert await cluster.get(key) is None


async def test_without_the_lease_nothing_is_written(real):
    obj = await real.apply(config(real))
    real.holds_lease = False
    meta = obj["metadata"]
    writes = (
        real.apply(config(real, a="2")),
        real.rewrite_managers(key_of(obj), []),
        real.delete(key_of(obj), uid=meta["uid"], resource_version=meta["resourceVersion"]),
    )
    for write in writes:
        with pytest.raises(WaitingError) as caught:
            await write
        assert caught.value.reason == "NotLeader"
    assert await real.get(key_of(obj)) == obj


async def test_a_write_that_waited_while_the_lease_was_lost_is_not_sent(real, monkeypatch):
    obj = await real.apply(config(real))
    answers = iter([True, False])
    monkeypatch.setattr(real, "_may_write", lambda: next(answers))
    with pytest.raises(WaitingError) as caught:
        await real.apply(config(real, a="2"))
    assert caught.value.reason == "NotLeader"
    assert await real.get(key_of(obj)) == obj
    monkeypatch.setattr(real, "_may_write", lambda: True)
    assert (await real.apply(config(real, a="2")))["data"] == {"a": "2"}
