"""
How many requests a pass may cost, counted from the API server's own audit log.

Besides a pass only what follows lives: a list and a watch for each kind that was not followed yet.
"""

import json
import urllib.request

import pytest

from tests.fixtures.audit import STATUS
from tests.fixtures.reconciler import config, workload


def files(ns, **data):
    return {"a.yaml": [config("one", ns), config("two", ns, **data), workload("web", ns)]}


@pytest.fixture
async def quiet(counted):
    """The reconciler with one Kustomization of a source of its own, and nothing to do."""
    counted.start(SETPOINT_ADDRESS_FILE=str(counted.data_dir / "addresses"))
    await counted.push({"a.yaml": [config("other", counted.ns)]}, name="others")
    counted.declare("other", sourceRef={"kind": "GitRepository", "name": "others"})
    await counted.ready(name="other")
    return counted


@pytest.fixture
async def applied(quiet):
    """The same with three objects of another Kustomization."""
    await quiet.push(files(quiet.ns))
    quiet.declare()
    await quiet.ready()
    await quiet.settled()
    return quiet


async def test_a_first_pass_asks_once_for_each_object_and_writes_its_status_once(quiet, audit):
    await quiet.push(files(quiet.ns))
    audit.begin()
    quiet.declare()
    await quiet.ready()
    await audit.costs(
        quiet,
        {
            "patch kustomizations": 1,  # the finalizer, and what is going to be applied
            STATUS: 1,
            "patch configmaps": 2,
            "patch deployments": 1,
            "create events": 2,
            "list deployments": 1,
            "watch deployments": 1,
        },
    )


async def test_waiting_for_health_costs_at_most_one_status_more_and_asks_for_no_object(
    quiet, audit
):
    await quiet.push(files(quiet.ns))
    audit.begin()
    quiet.declare(wait=True)
    await quiet.ready()
    found = audit.requests()
    assert found[STATUS] <= 2
    assert found["get deployments"] == found["get configmaps"] == 0


async def test_a_new_revision_asks_only_for_what_is_declared_otherwise(applied, audit):
    audit.begin()
    await applied.at(await applied.push(files(applied.ns, a="2")))
    await audit.costs(applied, {"patch configmaps": 1, STATUS: 1, "create events": 2})


async def test_an_object_that_is_removed_costs_a_look_a_deletion_and_a_status_ahead(applied, audit):
    audit.begin()
    await applied.at(await applied.push({"a.yaml": files(applied.ns)["a.yaml"][1:]}))
    await audit.costs(
        applied,
        {"get configmaps": 1, "delete configmaps": 1, STATUS: 2, "create events": 2},
    )


async def test_a_revision_that_changes_nothing_here_costs_one_status(applied, audit):
    audit.begin()
    await applied.at(await applied.push({**files(applied.ns), "README.md": "news"}))
    await audit.costs(applied, {STATUS: 1})


async def test_a_request_to_look_now_costs_its_answer_and_nothing_else(applied, audit):
    audit.begin()
    before = applied.get()["status"]
    await audit.costs(applied, {})
    after = applied.get()["status"]
    assert after | {"lastHandledReconcileAt": before["lastHandledReconcileAt"]} == before


async def test_an_interval_that_finds_nothing_to_change_asks_for_nothing(applied, audit):
    applied.declare(interval="1s")
    await applied.settled()
    passes = made(applied)
    audit.begin()
    await applied.eventually(lambda: made(applied) >= passes + 2, "two passes by the interval")
    assert not audit.requests()


def made(rec):
    port = json.loads((rec.data_dir / "addresses").read_bytes())["metrics"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith("gotk_reconcile_duration_seconds_count")]
    return next(float(line.split()[-1]) for line in found if 'name="app"' in line)


@pytest.mark.parametrize(
    ("resource", "edit"),
    [
        ("configmaps", ("patch", "configmap", "two", "--type=merge", '-p={"data":{"a":"9"}}')),
        ("deployments", ("scale", "deployment/web", "--replicas=3")),
        ("configmaps", ("delete", "configmap", "two")),
    ],
)
async def test_a_revert_costs_a_look_and_an_apply(applied, audit, resource, edit):
    audit.begin()
    applied.kubectl(*edit)
    await applied.told("DriftDetected")
    # What was seen is told before it is healed, and that it is healed by a Kubernetes Event only.
    await audit.costs(applied, {f"get {resource}": 1, f"patch {resource}": 1, "create events": 2})


async def test_a_start_with_receipts_lists_each_kind_once_and_asks_for_no_object(applied, audit):
    process = applied.started[-1]
    process.terminate()
    process.wait(20)
    audit.begin()
    applied.start()
    kinds = ("configmaps", "deployments", "kustomizations", "gitrepositories")
    followed = (*kinds, "customresourcedefinitions")
    lists = {f"{verb} {kind}": 1 for kind in followed for verb in ("list", "watch")}
    await audit.costs(applied, {**lists, "get /api": 1, "get /apis": 1})
