"""
Each fault of what is declared: said with a name and a way out, healed around, pruned by nothing.
"""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fixtures.reconciler import REPO, config, workload

CANARY = "c4n4ry-9f2d-value"


@dataclass
class Fault:
    """
    What somebody pushes, and what people then read.
    """

    reason: str
    words: tuple[str, ...]
    files: Any


def rejected(ns):
    bad = workload("bad", ns)
    bad["spec"]["template"]["spec"]["containers"][0]["name"] = f"Not A Name {CANARY}"
    return {"app/a.yaml": [config("one", ns), bad]}


FAULTS = {
    "no path": Fault("BuildFailed", ("./app", "spec.path"), lambda _: {"other/a.yaml": ""}),
    "broken": Fault("BuildFailed", ("app/a.yaml", "line"), lambda _: {"app/a.yaml": "kind: {x\n"}),
    "rejected": Fault("ReconciliationFailed", ("1 of 2 objects", "Deployment/{ns}/bad"), rejected),
    "no namespace": Fault(
        "ReconciliationFailed",
        ("ConfigMap/{ns}-missing/x", "namespace"),
        lambda ns: {"app/a.yaml": [config("one", ns), config("x", f"{ns}-missing")]},
    ),
}


@pytest.fixture
async def app(rec):
    """Two objects, one of them with a value of a Secret."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "values"}}
    rec.apply(secret | {"stringData": {"canary": CANARY}})
    rec.start()
    await rec.push(good(rec))
    rec.declare(path="./app", postBuild={"substituteFrom": [{"kind": "Secret", "name": "values"}]})
    await rec.ready()
    return rec


def good(rec):
    return {"app/a.yaml": [config("one", rec.ns), config("two", rec.ns, v="${canary}")]}


async def healed(rec):
    """What was applied last is still kept, and nothing of it was pruned."""
    rec.kubectl("patch", "configmap", "one", "--type=merge", "-p", '{"data":{"a":"9"}}')
    await rec.eventually(lambda: rec.live("configmap", "one")["data"]["a"] == "1", "healed")
    assert rec.live("configmap", "two")["data"] == {"v": CANARY}


async def silent(rec):
    everything = f"{rec.get()['status']} {rec.log} {await rec.events()}"
    shown = rec.kubectl.run("get", "events", "-o", "json").stdout
    assert CANARY not in everything + shown


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_is_named_with_a_way_out_healed_around_and_gone_with_its_cause(app, name):
    fault = FAULTS[name]
    await app.push(fault.files(app.ns))
    found = await app.ready("False", reason=fault.reason)
    told = await app.told(fault.reason)
    assert told.severity == "error"
    for word in fault.words:
        assert word.format(ns=app.ns) in found["message"]
        assert word.format(ns=app.ns) in told.message
    await healed(app)
    await silent(app)
    await app.at(await app.push(good(app)))


async def test_a_namespace_that_somebody_makes_is_used_without_another_push(app):
    missing = f"{app.ns}-missing"
    revision = await app.push(FAULTS["no namespace"].files(app.ns))
    await app.ready("False", reason="ReconciliationFailed")
    app.kubectl("create", "namespace", missing)
    await app.at(revision)
    app.kubectl("delete", "namespace", missing, "--wait=false")


async def test_while_the_origin_is_away_the_last_good_state_is_healed_and_ready(app):
    revision = app.get()["status"]["lastAppliedRevision"]
    away = {
        "type": "Ready",
        "status": "False",
        "reason": "GitOperationFailed",
        "message": "cannot be reached",
        "lastTransitionTime": "2026-01-02T00:00:00Z",
    }
    app.kubectl(
        *("patch", REPO, "repo", "--subresource=status", "--type=merge", "-p"),
        json.dumps({"status": {"conditions": [away]}}),
    )
    await healed(app)
    await app.settled()
    await app.at(revision)
