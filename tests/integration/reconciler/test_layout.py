"""A root that applies Kustomizations: the normal layout of a repository."""

import json

import pytest

from tests.fixtures.layout import child, definition
from tests.fixtures.reconciler import KS, REPO, config


def repository(ns, *children, **folders):
    """A root and its children; infrastructure makes the namespace that apps live in."""
    place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{ns}-apps"}}
    found = {
        "root/all.yaml": list(children)
        or [child("infra", ns, wait=True), child("apps", ns, dependsOn=[{"name": "infra"}])],
        "infra/a.yaml": [place, config("limits", ns)],
        "apps/a.yaml": [config("web", f"{ns}-apps")],
    }
    return found | {f"{name}/a.yaml": objects for name, objects in folders.items()}


@pytest.fixture
async def root(rec):
    """A running reconciler with root, infra and apps, all Ready."""
    rec.start()
    await rec.push(repository(rec.ns))
    rec.declare("root", path="./root", wait=True)
    for name in ("root", "infra", "apps"):
        await rec.ready(name=name)
    await rec.settled()
    yield rec
    rec.kubectl.run("delete", "namespace", f"{rec.ns}-apps", "--wait=false")


def there(rec, kind, name, namespace=""):
    words = ("get", kind, name, "-n", namespace or rec.ns, "--ignore-not-found", "-o", "json")
    text = rec.kubectl.run(*words).stdout
    return json.loads(text) if text.strip() else {}


def web(rec):
    return there(rec, "configmap", "web", f"{rec.ns}-apps")


async def test_a_child_that_is_removed_from_git_takes_its_objects_with_it(root):
    revision = await root.push(repository(root.ns, child("infra", root.ns, wait=True)))
    await root.eventually(lambda: not there(root, KS, "apps"), "the child is gone")
    assert not web(root)
    assert there(root, "namespace", f"{root.ns}-apps")
    await root.at(revision, "root")
    assert root.ids("root") == [f"{root.ns}_infra_kustomize.toolkit.fluxcd.io_Kustomization"]


async def test_a_child_that_does_not_prune_leaves_its_objects_when_it_is_removed(root):
    infra = child("infra", root.ns, wait=True)
    await root.at(
        await root.push(repository(root.ns, infra, child("apps", root.ns, prune=False))), "apps"
    )
    await root.push(repository(root.ns, infra))
    await root.eventually(lambda: not there(root, KS, "apps"), "the child is gone")
    assert web(root)["data"] == {"a": "1"}


async def test_a_child_suspended_by_hand_stays_so_and_that_is_no_drift(root):
    root.kubectl("patch", KS, "apps", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    await root.settled()
    revision = await root.push(
        repository(
            root.ns,
            child("infra", root.ns),
            child("apps", root.ns, interval="2h"),
            apps=[config("web", f"{root.ns}-apps", a="2")],
        )
    )
    await root.at(revision, "infra")
    await root.eventually(lambda: root.get("apps")["spec"]["interval"] == "2h", "applied")
    await root.settled()
    assert root.get("apps")["spec"]["suspend"] is True
    assert web(root)["data"] == {"a": "1"}
    assert not await root.events("DriftDetected")
    root.kubectl("patch", KS, "apps", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    await root.at(revision, "apps")
    assert web(root)["data"] == {"a": "2"}


async def test_a_child_whose_suspend_is_declared_in_git_is_put_back(root):
    apps = child("apps", root.ns, suspend=False)
    revision = await root.push(repository(root.ns, child("infra", root.ns), apps))
    await root.at(revision, "root")
    await root.settled()
    root.kubectl("patch", KS, "apps", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    await root.told("DriftDetected", "spec.suspend")
    await root.eventually(lambda: root.get("apps")["spec"]["suspend"] is False, "put back")


@pytest.mark.parametrize("suspended", [False, True])
async def test_a_root_that_is_deleted_takes_everything_with_it_and_nothing_hangs(root, suspended):
    if suspended:
        root.kubectl("patch", KS, "apps", "--type=merge", "-p", '{"spec":{"suspend":true}}')
        await root.settled()
    root.kubectl("delete", REPO, "repo", "--wait=false")
    root.kubectl("delete", KS, "root", "--timeout=30s")
    await root.eventually(
        lambda: not root.kubectl.run("get", KS, "-o", "name").stdout, "no Kustomization is left"
    )
    assert not there(root, "configmap", "limits")
    await root.eventually(
        lambda: not there(root, "namespace", f"{root.ns}-apps"), "the namespace is gone"
    )


async def test_a_kind_that_nobody_serves_is_one_clear_message_and_mended_by_its_definition(rec):
    rec.start()
    group = f"{rec.ns}.example.dev"
    things = [
        {
            "apiVersion": f"{group}/v1",
            "kind": "Thing",
            "metadata": {"name": name, "namespace": rec.ns},
        }
        for name in ("first", "second")
    ]
    revision = await rec.push({"a.yaml": [config("one", rec.ns), *things]})
    rec.declare(retryInterval="1h")
    found = await rec.ready("False", reason="ReconciliationFailed")
    assert "2 of 3 objects refused" in found["message"]
    assert f"Thing/{rec.ns}/first" in found["message"]
    assert "CustomResourceDefinition" in found["message"]
    assert rec.live("configmap", "one")
    rec.apply(definition(group, "Thing", "things"))
    try:
        await rec.at(revision)
        assert there(rec, f"things.{group}", "second")
    finally:
        rec.kubectl("delete", "crd", f"things.{group}", "--wait=false")


async def test_a_helm_release_that_nobody_serves_holds_up_nothing_else(rec):
    rec.start()
    release = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "chart", "namespace": rec.ns},
        "spec": {"interval": "1h"},
    }
    await rec.push({"a.yaml": [config("one", rec.ns), release]})
    rec.declare()
    found = await rec.ready("False", reason="ReconciliationFailed")
    assert f"HelmRelease/{rec.ns}/chart" in found["message"]
    assert "is not served" in found["message"]
    assert rec.live("configmap", "one")
    await rec.at(await rec.push({"a.yaml": [config("one", rec.ns)]}))
