"""Whose an object is: handed over in one commit, kept from others, taken from the dead."""

import pytest

from tests.fixtures.layout import child, definition
from tests.fixtures.reconciler import KS, config

OWNER = "kustomize.toolkit.fluxcd.io"
HELM = "helm.toolkit.fluxcd.io"


def uid(rec, name):
    return rec.live("configmap", name).get("metadata", {}).get("uid")


def owner(rec, name):
    return rec.live("configmap", name)["metadata"]["labels"][f"{OWNER}/name"]


def named(rec, *names):
    return [config(name, rec.ns) for name in names]


def entry(rec, name):
    return f"{rec.ns}_{name}__ConfigMap"


async def test_objects_that_change_places_in_one_commit_are_never_deleted(rec):
    rec.start()
    await rec.push({"left/a.yaml": named(rec, "x", "l"), "right/a.yaml": named(rec, "y", "r")})
    for name in ("left", "right"):
        rec.declare(name, path=f"./{name}")
        await rec.ready(name=name)
    before = {name: uid(rec, name) for name in ("x", "y")}
    moved = {"left/a.yaml": named(rec, "y", "l"), "right/a.yaml": named(rec, "x", "r")}
    revision = await rec.push(moved)
    for name, mine in (("left", "y"), ("right", "x")):
        await rec.at(revision, name)
        await rec.eventually(lambda name=name, mine=mine: owner(rec, mine) == name, "handed over")
        await rec.eventually(lambda name=name: len(rec.ids(name)) == 2, "trimmed")
        assert entry(rec, mine) in rec.ids(name)
    await rec.settled()
    assert {name: uid(rec, name) for name in ("x", "y")} == before
    # Each is followed by its new owner, and no other.
    rec.kubectl("patch", "configmap", "x", "--type=merge", "-p", '{"data":{"a":"9"}}')
    await rec.eventually(lambda: rec.live("configmap", "x")["data"] == {"a": "1"}, "healed")
    told = await rec.told("DriftDetected", "data.a")
    assert told.involved_object.name == "right"


async def test_an_object_is_handed_to_one_that_waits_for_the_first(rec):
    rec.start()
    await rec.push({"first/a.yaml": named(rec, "x", "f"), "then/a.yaml": named(rec, "t")})
    rec.declare("first", path="./first")
    rec.declare("then", path="./then", dependsOn=[{"name": "first"}])
    await rec.ready(name="then")
    before = uid(rec, "x")
    revision = await rec.push(
        {"first/a.yaml": named(rec, "f"), "then/a.yaml": named(rec, "t", "x")}
    )
    await rec.at(revision, "then")
    await rec.eventually(lambda: len(rec.ids("first")) == 1, "trimmed")
    assert uid(rec, "x") == before


async def test_an_object_is_handed_to_a_kustomization_that_comes_in_the_same_commit(rec):
    rec.start(SETPOINT_CONCURRENT="1")  # the old one has its turn before the new one
    old = child("old", rec.ns)
    await rec.push({"root/a.yaml": [old], "old/a.yaml": named(rec, "x", "o")})
    rec.declare("root", path="./root")
    await rec.ready(name="root")
    await rec.ready(name="old")
    await rec.settled()
    before = uid(rec, "x")
    revision = await rec.push(
        {
            "root/a.yaml": [old, child("new", rec.ns)],
            "old/a.yaml": named(rec, "o"),
            "new/a.yaml": named(rec, "x"),
        }
    )
    await rec.at(revision, "new")
    await rec.eventually(lambda: len(rec.ids("old")) == 1, "trimmed")
    assert uid(rec, "x") == before
    assert owner(rec, "x") == "new"


async def test_what_two_declare_stays_with_the_first_until_that_one_drops_it(rec):
    rec.start()
    await rec.push({"first/a.yaml": named(rec, "x", "f"), "second/a.yaml": named(rec, "s")})
    for name in ("first", "second"):
        rec.declare(name, path=f"./{name}", retryInterval="1h")
        await rec.ready(name=name)
    before = uid(rec, "x")
    both = {"first/a.yaml": named(rec, "x", "f"), "second/a.yaml": [config("x", rec.ns, a="2")]}
    await rec.push(both)
    found = await rec.ready("False", "second", reason="ReconciliationFailed")
    assert f"belongs to Kustomization/{rec.ns}/first" in found["message"]
    assert f"Kustomization/{rec.ns}/second" in found["message"]
    assert rec.live("configmap", "x")["data"] == {"a": "1"}
    revision = await rec.push(both | {"first/a.yaml": named(rec, "f")})
    await rec.at(revision, "second")
    assert rec.live("configmap", "x")["data"] == {"a": "2"}
    assert uid(rec, "x") == before


async def test_what_moves_out_of_a_folder_that_goes_with_it_is_refused_with_its_remedy(rec):
    rec.start()
    await rec.push({"first/a.yaml": named(rec, "x"), "second/a.yaml": named(rec, "s")})
    for name in ("first", "second"):
        rec.declare(name, path=f"./{name}")
        await rec.ready(name=name)
    moved = await rec.push({"second/a.yaml": named(rec, "s", "x")})
    found = await rec.ready("False", "second", reason="ReconciliationFailed")
    other = f"Kustomization/{rec.ns}/first"
    assert f"{other}, which still exists and whose newest state cannot be read" in found["message"]
    assert f"see what {other} says in its status" in found["message"]
    assert owner(rec, "x") == "first"
    before = uid(rec, "x")
    orphan = '{"spec":{"deletionPolicy":"Orphan"}}'
    rec.kubectl("patch", KS, "first", "--type=merge", "-p", orphan)
    rec.kubectl("delete", KS, "first")
    await rec.at(moved, "second")
    assert (uid(rec, "x"), owner(rec, "x")) == (before, "second")


def labelled(rec, name, prefix, other):
    found = config(name, rec.ns)
    found["metadata"]["labels"] = {f"{prefix}/name": other, f"{prefix}/namespace": rec.ns}
    return found


async def refused(rec, kind, name):
    found = await rec.ready("False", reason="ReconciliationFailed")
    assert f"ConfigMap/{rec.ns}/x: belongs to {kind}/{rec.ns}/{name}" in found["message"]
    assert f"Kustomization/{rec.ns}/app" in found["message"]
    assert rec.live("configmap", "x")["data"] == {"a": "1"}
    assert rec.live("configmap", "mine")


@pytest.mark.parametrize("followed", [True, False])
async def test_an_object_whose_labels_name_another_living_kustomization_is_refused(rec, followed):
    """Its owner is another process's: this one does not even know its inventory."""
    rec.start()
    other = child("other", rec.ns, suspend=True)
    other["metadata"]["labels"] = {"test": "another-process"}
    rec.apply(other)
    if followed:
        await rec.push({"a.yaml": named(rec, "known")}, name="known")
        rec.declare("known", sourceRef={"kind": "GitRepository", "name": "known"})
        await rec.ready(name="known")
    rec.apply(labelled(rec, "x", OWNER, "other"))
    revision = await rec.push({"a.yaml": [config("x", rec.ns, a="2"), *named(rec, "mine")]})
    rec.declare()
    await refused(rec, "Kustomization", "other")
    await rec.eventually(
        lambda: rec.get()["status"]["history"][0]["totalReconciliations"] > 1, "tried again"
    )
    await refused(rec, "Kustomization", "other")
    rec.kubectl("delete", KS, "other")
    await rec.at(revision)
    assert rec.live("configmap", "x")["data"] == {"a": "2"}
    assert owner(rec, "x") == "app"


async def test_an_object_whose_labels_name_an_owner_that_is_gone_is_taken_over(rec):
    rec.start()
    rec.apply(labelled(rec, "x", OWNER, "gone"))
    rec.apply(labelled(rec, "y", HELM, "gone"))
    revision = await rec.push({"a.yaml": named(rec, "x", "y")})
    rec.declare()
    await rec.at(revision)
    assert owner(rec, "x") == owner(rec, "y") == "app"


async def test_an_object_of_a_living_helm_release_is_refused(rec):
    rec.apply(definition(HELM, "HelmRelease", "helmreleases"))
    releases = f"helmreleases.{HELM}"
    try:
        rec.kubectl("wait", "--for=condition=Established", f"crd/{releases}", "--timeout=20s")
        release = {"apiVersion": f"{HELM}/v1", "kind": "HelmRelease", "metadata": {"name": "chart"}}
        await rec.eventually(
            lambda: not rec.kubectl.run("apply", "-f", "-", stdin=release).returncode, "served"
        )
        rec.apply(labelled(rec, "x", HELM, "chart"))
        rec.start()
        revision = await rec.push({"a.yaml": [config("x", rec.ns, a="2"), *named(rec, "mine")]})
        rec.declare()
        await refused(rec, "HelmRelease", "chart")
        rec.kubectl("delete", releases, "chart")
        await rec.at(revision)
        assert rec.live("configmap", "x")["data"] == {"a": "2"}
    finally:
        rec.kubectl("delete", "crd", releases, "--wait=false")
