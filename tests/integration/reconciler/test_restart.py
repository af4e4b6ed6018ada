"""A reconciler that dies anywhere, or starts beside what is settled."""

import signal

import pytest

from tests.fixtures.drift import facts
from tests.fixtures.reconciler import config, workload

POINTS = [
    "reconciler.finalizer-set",
    "reconciler.applied",
    "reconciler.stage-applied",
    "reconciler.receipts-saved",
]
LATER_POINTS = ["reconciler.inventory-written", "reconciler.pruned", "reconciler.all-pruned"]


def versions(rec):
    return {
        (kind, name): rec.live(kind, name)["metadata"]["resourceVersion"]
        for kind, name in (("configmap", "one"), ("configmap", "two"))
    }


@pytest.mark.parametrize("point", POINTS)
async def test_killed_in_the_first_pass_it_converges_and_writes_no_object_twice(rec, point):
    first = await rec.push({"a.yaml": [config("one", rec.ns), config("two", rec.ns)]})
    rec.declare()
    process = rec.start(SETPOINT_KILL_AT=point)
    await rec.eventually(lambda: process.poll() == -signal.SIGKILL, f"killed at {point}")
    there = {
        name: found["metadata"]["resourceVersion"]
        for name in ("one", "two")
        if (found := rec.live("configmap", name))
    }
    rec.start()
    await rec.at(first)
    for name, version in there.items():
        assert rec.live("configmap", name)["metadata"]["resourceVersion"] == version
    assert len(rec.ids()) == 2


@pytest.mark.parametrize("point", LATER_POINTS)
async def test_killed_while_it_prunes_nothing_is_leaked(rec, point):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns), config("two", rec.ns), config("x", rec.ns)]})
    rec.declare()
    await rec.ready()
    rec.kill()
    process = rec.start(SETPOINT_KILL_AT=point)
    second = await rec.push({"a.yaml": [config("one", rec.ns), config("two", rec.ns)]})
    await rec.eventually(lambda: process.poll() == -signal.SIGKILL, f"killed at {point}")
    before = versions(rec)
    rec.start()
    await rec.at(second)
    assert rec.live("configmap", "x") == {}
    assert versions(rec) == before
    assert len(rec.ids()) == 2


async def test_killed_before_a_change_is_applied_it_is_applied_by_the_next_process(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns), config("two", rec.ns)]})
    rec.declare()
    await rec.ready()
    rec.kill()
    before = versions(rec)
    process = rec.start(SETPOINT_KILL_AT="reconciler.receipts-taken-back")
    second = await rec.push({"a.yaml": [config("one", rec.ns, a="2"), config("two", rec.ns)]})
    await rec.eventually(lambda: process.poll() == -signal.SIGKILL, "killed")
    assert versions(rec) == before
    rec.start()
    await rec.at(second)
    assert rec.live("configmap", "one")["data"] == {"a": "2"}
    assert versions(rec)["configmap", "two"] == before["configmap", "two"]


@pytest.mark.parametrize("point", ["reconciler.drift-told", "reconciler.drift-healed"])
async def test_killed_while_it_heals_the_drift_is_told_and_healed(rec, point):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns)]})
    rec.declare()
    await rec.ready()
    rec.kill()
    process = rec.start(SETPOINT_KILL_AT=point)
    await rec.settled()
    rec.kubectl("patch", "configmap", "one", "--type=merge", "-p", '{"data":{"a":"9"}}')
    await rec.eventually(lambda: process.poll() == -signal.SIGKILL, f"killed at {point}")
    rec.start()
    await rec.eventually(lambda: rec.live("configmap", "one")["data"] == {"a": "1"}, "healed")
    await rec.told("DriftDetected", "data.a")


async def test_a_start_with_receipts_and_one_after_a_wiped_bus_write_to_no_object(rec):
    process = rec.start()
    revision = await rec.push({"a.yaml": [config("one", rec.ns), config("two", rec.ns)]})
    rec.declare()
    await rec.at(revision)
    before = versions(rec)
    process.terminate()
    process.wait(20)
    assert process.returncode == 0
    again = rec.start()
    await rec.settled()
    assert versions(rec) == before
    again.kill()
    again.wait(20)
    await rec.bus.kv("RECEIPTS").delete(f"local.Kustomization.{rec.ns}.app")
    rec.start()
    await rec.settled()
    assert versions(rec) == before


async def test_drift_while_it_was_away_is_told_and_healed_at_the_start(rec):
    process = rec.start()
    await rec.push({"a.yaml": [workload("web", rec.ns)]})
    rec.declare()
    await rec.ready()
    await rec.settled()
    process.kill()
    process.wait(20)
    rec.kubectl("scale", "deployment/web", "--replicas=5")
    rec.start()
    await rec.eventually(lambda: rec.live("deployment", "web")["spec"]["replicas"] == 1, "healed")
    await rec.told("DriftDetected", "spec.replicas")


@pytest.mark.parametrize("first", [True, False], ids=["the first pass", "a new revision"])
async def test_drift_after_a_pass_that_was_killed_before_its_receipts_is_told_as_drift(rec, first):
    if not first:
        rec.start()
        await rec.push({"a.yaml": [config("one", rec.ns)]})
        rec.declare()
        await rec.ready()
        rec.kill()
    process = rec.start(SETPOINT_KILL_AT="reconciler.stage-applied")
    revision = await rec.push({"a.yaml": [config("one", rec.ns, a="2", b="2")]})
    rec.declare()
    await rec.eventually(lambda: process.poll() == -signal.SIGKILL, "killed after its apply")
    rec.kubectl("patch", "configmap", "one", "--type=merge", "-p", '{"data":{"a":"9"}}')
    rec.start()
    told = await facts(rec, "data.a")
    assert told["fields"] == [{"path": "data.a", "from": "2", "to": "9"}]
    assert told["manager"] == "kubectl-patch"
    await rec.at(revision)
    assert rec.live("configmap", "one")["data"] == {"a": "2", "b": "2"}
    assert not [e for e in await rec.events() if "one configured" in e.message]


async def test_what_a_revision_declares_anew_is_no_drift_though_it_was_killed_and_others_had_set_it(
    rec,
):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns), config("two", rec.ns)]})
    rec.declare()
    await rec.ready()
    rec.kubectl("patch", "configmap", "one", "--type=merge", "-p", '{"data":{"b":"9"}}')
    await rec.settled()
    rec.kill()
    process = rec.start(SETPOINT_KILL_AT="reconciler.inventory-written")
    files = [config(name, rec.ns, a="1", b="2") for name in ("one", "two", "three")]
    revision = await rec.push({"a.yaml": files})
    await rec.eventually(lambda: process.poll() == -signal.SIGKILL, "killed before its applies")
    rec.start()
    await rec.at(revision)
    assert rec.live("configmap", "one")["data"] == {"a": "1", "b": "2"}
    assert await rec.events("DriftDetected") == []


@pytest.mark.parametrize("mode", ["enabled", "warn"])
async def test_drift_while_it_was_away_and_the_bus_was_wiped_is_told_and_healed_as_the_mode_says(
    rec, mode
):
    rec.start()
    await rec.push({"a.yaml": [workload("web", rec.ns)]})
    rec.declare(driftDetection={"mode": mode})
    await rec.ready()
    await rec.settled()
    rec.kill()
    rec.kubectl("scale", "deployment/web", "--replicas=5")
    await rec.bus.kv("RECEIPTS").delete(f"local.Kustomization.{rec.ns}.app")
    rec.start()
    told = await facts(rec, "spec.replicas")
    assert told["fields"] == [{"path": "spec.replicas", "from": 1, "to": 5}]
    assert told["manager"] == "kubectl"
    await rec.settled()
    stays = 5 if mode == "warn" else 1
    assert rec.live("deployment", "web")["spec"]["replicas"] == stays
    assert len(await rec.events("DriftDetected")) == 1


async def test_while_the_bus_is_away_drift_is_healed_and_told_afterwards(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns)]})
    rec.declare()
    await rec.ready()
    await rec.settled()
    await rec.nats.server.kill()
    rec.kubectl("patch", "configmap", "one", "--type=merge", "-p", '{"data":{"a":"9"}}')
    await rec.eventually(lambda: rec.live("configmap", "one")["data"] == {"a": "1"}, "healed")
    await rec.nats.restart()
    await rec.told("DriftDetected", "data.a")


async def test_started_beside_a_broken_revision_it_heals_what_was_applied_last(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns), config("two", rec.ns)]})
    rec.declare()
    await rec.ready()
    await rec.push({"a.yaml": [config("one", rec.ns, a="2")], "b.yaml": "kind: [ConfigMap"})
    await rec.ready("False", reason="BuildFailed")
    rec.kill()
    rec.kubectl("patch", "configmap", "one", "--type=merge", "-p", '{"data":{"a":"9"}}')
    rec.start()
    await rec.eventually(lambda: rec.live("configmap", "one")["data"] == {"a": "1"}, "healed")
    assert "data.a changed by kubectl-patch" in (await rec.told("DriftDetected")).message
    rec.kubectl("delete", "configmap", "two")
    await rec.eventually(lambda: rec.live("configmap", "two") != {}, "there again")
    newest = await rec.push({"a.yaml": [config("one", rec.ns, a="3")]})
    await rec.at(newest)
    assert rec.live("configmap", "one")["data"] == {"a": "3"}
    assert rec.live("configmap", "two") == {}


async def test_an_older_revision_delivered_late_does_not_win(rec):
    rec.start()
    await rec.push({"a.yaml": [config("one", rec.ns, a="old")]})
    rec.declare()
    await rec.ready()
    newest = await rec.push({"a.yaml": [config("one", rec.ns, a="new")]})
    await rec.at(newest)
    await rec.announce_again(rec.sequence - 1)
    await rec.settled()
    assert rec.live("configmap", "one")["data"] == {"a": "new"}


async def test_events_that_did_not_fit_into_the_outbox_are_told_with_their_number(rec):
    rec.data_dir.mkdir()
    (rec.data_dir / "outbox.refused").write_text("3 some-event")
    rec.start()
    event = await rec.told("EventsRefused")
    assert event.message.startswith("3 events of setpoint-reconciler could not be kept")
    assert event.reporting_controller == "kustomize-controller"
