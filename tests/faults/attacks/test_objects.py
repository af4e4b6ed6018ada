"""
Objects that are none, and objects that others poison: each is told alone, its siblings go on.
"""

import json
from datetime import UTC, datetime

from shared.messages import Envelope, subjects
from shared.messages.envelope import encode
from tests.faults.attacks.measures import GROWTH, Steps, peak, resident
from tests.fixtures.layout import definition
from tests.fixtures.reconciler import KS, REPO, config

LARGE = 1_300_000  # bytes; kustomize takes it, a limit of an object does not


def bad(ns, kind="ConfigMap", version="v1", name="bad", **body):
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": ns, **body.pop("metadata", {})},
        **body,
    }


def misshapen(ns):
    """Objects that kustomize passes on, by a word that must be said of each."""
    crd = "apiextensions.k8s.io/v1"
    return {
        "metadata.labels": bad(ns, name="labels", metadata={"labels": ["a"]}),
        "annotations: Too long": bad(ns, metadata={"annotations": {"a": "x" * 300_000}}),
        "a valid label": bad(ns, name="label", metadata={"labels": {"a": "not one!"}}),
        "stringData": bad(ns, "Secret", name="strings", stringData=["hunter2"]),
        "Secret/": bad(ns, "Secret", name="data", data="hunter2"),
        "cannot be the name": bad(ns, name="../../secrets/x"),
        "x" * 60: bad(ns, name="x" * 300),
        "CustomResourceDefinition": bad("", "CustomResourceDefinition", crd, spec={"names": [1]}),
    }


async def attempted(rec, revision):
    """
    Wait until the status speaks of a revision, and of none before.
    """
    await rec.eventually(
        lambda: (
            rec.get()["status"].get("lastAttemptedRevision") == revision
            and rec.condition("Ready")["status"] == "False"
        ),
        f"{revision} attempted",
    )


async def test_what_has_not_the_form_of_the_api_is_refused_by_name_and_its_sibling_applied(
    rec, tmp_path
):
    steps = Steps(tmp_path / "steps")
    process = rec.start(**steps.environment)
    await rec.push({"good.yaml": [config("good", rec.ns), config("stays", rec.ns)]})
    rec.declare()
    await rec.ready()
    idle = resident(process.pid)
    steps.begin()
    for word, obj in misshapen(rec.ns).items():
        made = {"good.yaml": [config("good", rec.ns, word=word[:9])], "bad.yaml": [obj]}
        await attempted(rec, await rec.push(made))
        found = await rec.ready("False", message="1 of 2 objects refused")
        assert word in found["message"], found
        assert "hunter2" not in found["message"]
        assert rec.live("configmap", "good")["data"] == {"word": word[:9]}
        assert rec.live("configmap", "stays"), "nothing is pruned in a pass with a refusal"
    assert "unexpectedly" not in rec.log, rec.log
    assert "hunter2" not in rec.log
    assert process.poll() is None
    assert peak(process.pid) - idle < GROWTH
    assert steps.too_long() == []


async def test_a_status_that_somebody_poisoned_ends_no_watch_and_no_process(rec):
    group = f"{rec.ns}.example.com"
    crd = definition(group, "Widget", "widgets")
    crd["spec"]["versions"][0]["subresources"] = {"status": {}}
    process = rec.start()
    rec.apply(crd)
    try:
        widget = bad(rec.ns, "Widget", f"{group}/v1", name="w", spec={"a": "1"})
        await rec.push({"a.yaml": [widget, config("a", rec.ns)]})
        await rec.eventually(
            lambda: rec.kubectl.run("get", f"widgets.{group}").returncode == 0, "kind served"
        )
        rec.declare()
        await rec.ready()
        for junk in ({"a": "b"}, ["x"], 1, "x" * 10_000):
            status = {"conditions": [{"type": "Ready", "status": junk, "message": junk}, junk]}
            rec.kubectl(
                "patch", f"widgets.{group}", "w", "--subresource=status", "--type=merge",
                "-p", json.dumps({"status": status}),
            )  # fmt: skip
        rec.kubectl("patch", f"widgets.{group}", "w", "--type=merge", "-p", '{"spec":{"a":"2"}}')
        await rec.eventually(
            lambda: rec.live(f"widgets.{group}", "w")["spec"]["a"] == "1", "healed"
        )
        assert process.poll() is None, rec.log
        rec.kill()
        process = rec.start()
        await rec.settled()
        await rec.at(await rec.push({"a.yaml": [widget, config("a", rec.ns, b="2")]}))
        assert process.poll() is None, rec.log
    finally:
        rec.kill()
        rec.kubectl.run("delete", "crd", f"widgets.{group}", "--wait=false")


async def test_what_is_recorded_in_our_own_objects_may_be_anything(rec, bus):
    process = rec.start()
    revision = await rec.push({"a.yaml": [config("a", rec.ns)]})
    rec.declare()
    await rec.at(revision)
    poison = {
        "inventory": {"entries": [{"id": "no id at all", "v": "v1"}]},
        "lastAttempted": {"sourceUID": "", "sequence": -1},
    }
    rec.kubectl(
        "patch", KS, "app", "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": poison}),
    )  # fmt: skip
    rec.declare(annotations={"reconcile.fluxcd.io/requestedAt": "\x1b[31m" + "x" * 50_000})
    await rec.ready("False", message="status.inventory cannot be read")
    await rec.push({"b.yaml": [config("b", rec.ns)]}, name="other")
    rec.declare("other", sourceRef={"kind": "GitRepository", "name": "other"})
    await rec.ready(name="other")
    assert rec.live("configmap", "a"), "nothing is pruned by an inventory that cannot be read"
    key = f"local.Kustomization.{rec.ns}.other"
    await bus.kv("RECEIPTS").put(key, b"\x78\x9c" + b"\xff" * 1000)
    rec.kill()
    process = rec.start()
    await rec.at(
        await rec.push({"b.yaml": [config("b", rec.ns, c="3")]}, name="other"), name="other"
    )
    assert process.poll() is None, rec.log
    assert "unexpectedly" not in rec.log, rec.log


HINTS = {
    "no digest": {"digest": "file:///etc/passwd"},
    "a path": {"digest": "sha256:../../../../etc/passwd"},
    "a number of its own": {"sequence": 10**30},
    "no object": {"kind": "../secrets", "name": "\x1b[2J"},
    "an artifact that is not there": {"digest": "sha256:" + "5" * 64, "sequence": 0},
    "nothing": {},
}


def said(hint, subject):
    if isinstance(hint, bytes):
        return hint
    return encode(Envelope(id=subject, time=datetime.now(UTC), subject=subject, payload=hint))


async def test_what_is_kept_on_the_bus_about_a_source_may_be_anything(rec, bus):
    process = rec.start()
    revision = await rec.push({"a.yaml": [config("a", rec.ns)]})
    rec.declare()
    await rec.at(revision)
    genuine = rec.announced[rec.sequence].model_dump(mode="json")
    payloads = [genuine | poison if poison else {} for poison in HINTS.values()]
    hints = [b"{", b"[" * 100_000, b"\xff", b'{"version": 1}', b'{"version": 99}']

    async def forge(round_):
        # The stream keeps the last one of each subject, and a start reads them all.
        for number, hint in enumerate([*hints, *payloads]):
            subject = subjects.revision("local", "GitRepository", rec.ns, f"hint-{number}")
            await bus.publish_raw(subject, said(hint, subject), f"{round_}-{number}", within=5)

    await forge("running")
    await rec.at(await rec.push({"a.yaml": [config("a", rec.ns, b="2")]}))
    rec.kill()
    await forge("starting")
    process = rec.start()
    await rec.settled()
    await rec.at(await rec.push({"a.yaml": [config("a", rec.ns, b="3")]}))
    assert process.poll() is None, rec.log
    assert "unexpectedly" not in rec.log, rec.log
    assert "\x1b" not in rec.log


async def test_a_status_of_a_source_that_names_a_file_makes_nobody_read_it(rec):
    rec.start()
    revision = await rec.push({"a.yaml": [config("a", rec.ns)]})
    rec.declare()
    await rec.at(revision)
    for place in ("file:///etc/passwd", "/etc/passwd", "http://169.254.169.254/latest/"):
        status = {"artifact": {"url": place, "path": place}}
        rec.kubectl(
            "patch", REPO, "repo", "--subresource=status", "--type=merge",
            "-p", json.dumps({"status": status}),
        )  # fmt: skip
        await rec.settled()
        await rec.at(revision)
    await rec.at(await rec.push({"a.yaml": [config("a", rec.ns, b="2")]}))
    assert "root:" not in rec.log


async def test_a_pause_that_no_calendar_knows_is_told_and_does_not_count(rec):
    process = rec.start()
    revision = await rec.push({"a.yaml": [config("a", rec.ns)]})
    rec.declare()
    await rec.at(revision)
    # No more than three: a fourth revert would be a fight.
    for until in ("9999-12-31T23:59:59Z", "\x1b[2J", "0001-01-01T00:00:00+23:59"):
        rec.kubectl(
            "annotate", "--overwrite", "configmap", "a", f"setpoint.dev/paused-until={until}"
        )
        rec.kubectl("patch", "configmap", "a", "--type=merge", "-p", '{"data":{"a":"changed"}}')
        await rec.eventually(
            lambda: rec.live("configmap", "a")["data"] == {"a": "1"}, f"healed despite {until!r}"
        )
    assert process.poll() is None
    assert "unexpectedly" not in rec.log, rec.log
