"""What the command line reads from a real NATS server, as its own narrow user."""

import asyncio
import json
import shutil
from datetime import UTC, datetime

import pytest

from shared.bus.streams import COMMANDS, DEADLETTERS, DELIVERIES, EVENTS
from shared.messages import DeadLetter, Envelope, Event, encode, subjects
from tests.fixtures.nats import answering

GROUP = "kustomize.toolkit.fluxcd.io"


@pytest.fixture
async def system(with_bus, bus):
    await bus.declare(EVENTS, DELIVERIES, DEADLETTERS, COMMANDS)
    return with_bus


async def run(setpoint, *words, **more):
    return await asyncio.to_thread(setpoint, *words, **more)


async def say(bus, namespace, message, *, name="apps", reason="Progressing", **metadata):
    event = Event.model_validate(
        {
            "involvedObject": {
                "apiVersion": f"{GROUP}/v1",
                "kind": "Kustomization",
                "name": name,
                "namespace": namespace,
            },
            "severity": "info",
            "timestamp": datetime.now(UTC),
            "message": message,
            "reason": reason,
            "metadata": {f"{GROUP}/{key}": value for key, value in metadata.items()},
            "reportingController": "kustomize-controller",
        }
    )
    subject = subjects.event("local", "info", "Kustomization", namespace, name)
    await publish(bus, subject, message, event.model_dump(mode="json", by_alias=True))


async def publish(bus, subject, id_, payload):
    envelope = Envelope(id=id_, time=datetime.now(UTC), subject=subject, payload=payload)
    await bus.publish(subject, envelope, timeout=5)


async def bury(bus, subject, data):
    letter = DeadLetter.of(
        data, subject=subject, reason="crashed", attempts=5, first_seen=datetime.now(UTC)
    )
    where = subjects.deadletter("local", "x", "y")
    await publish(bus, where, f"dead/{subject}", letter.model_dump(mode="json"))


async def test_events_of_one_object_are_shown(system, bus):
    await say(bus, system.ns, "the right one")
    await say(bus, system.ns, "of another", name="apps.other")
    await say(bus, "elsewhere", "in another namespace")
    text = await run(system, "events", "--for", "ks/apps", "-n", system.ns)
    assert "the right one" in text
    assert "another" not in text
    assert "Kubernetes Events" not in text
    found = json.loads(await run(system, "events", "-A", "-o", "json"))
    assert len(found["items"]) == 3


async def test_events_of_another_cluster_are_not_shown(system, bus):
    await say(bus, system.ns, "of the cluster called local")
    assert "local" in await run(system, "events", "-n", system.ns, SETPOINT_CLUSTER="local")
    assert "no events" in await run(system, "events", "-n", system.ns, SETPOINT_CLUSTER="east")
    odd = await run(system, "events", "-n", system.ns, SETPOINT_CLUSTER="*", code=2)
    assert "SETPOINT_CLUSTER" in odd


async def test_a_request_tells_the_events_of_its_pass_and_no_older_ones(system, bus):
    system.declare()
    await say(bus, system.ns, "of an older pass")
    process = system.start("reconcile", "ks", "apps", "-n", system.ns, "--timeout", "30s")
    assert "asked" in await asyncio.to_thread(process.stdout.readline)
    token = system.found()["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"]
    await say(bus, system.ns, "Deployment/production/shop configured")
    told = await asyncio.to_thread(process.stdout.readline)
    assert told == "  Progressing: Deployment/production/shop configured\n"
    await say(bus, system.ns, "Reconciliation finished")
    await asyncio.to_thread(
        system.status, ("Ready", "True", "Applied"), lastHandledReconcileAt=token
    )
    rest = await asyncio.to_thread(process.stdout.read)
    assert rest.index("Reconciliation finished") < rest.index("Applied")
    assert process.wait(20) == 0


async def test_resume_tells_the_events_of_its_pass(system, bus):
    system.declare()
    await asyncio.to_thread(system, "suspend", "ks", "apps", "-n", system.ns)
    await say(bus, system.ns, "of an older pass")
    process = system.start("resume", "ks", "apps", "-n", system.ns, "--timeout", "30s")
    assert "resumed" in await asyncio.to_thread(process.stdout.readline)
    await say(bus, system.ns, "Deployment/production/shop configured")
    told = await asyncio.to_thread(process.stdout.readline)
    assert told == "  Progressing: Deployment/production/shop configured\n"
    await asyncio.to_thread(system.status, ("Ready", "True", "Applied"))
    assert "Applied" in await asyncio.to_thread(process.stdout.read)
    assert process.wait(20) == 0


async def test_new_events_are_followed(system, bus):
    await say(bus, system.ns, "the first")
    process = system.start("events", "-n", system.ns, "-w")
    assert "the first" in await asyncio.to_thread(process.stdout.readline)
    await say(bus, system.ns, "the second")
    assert "the second" in await asyncio.to_thread(process.stdout.readline)


async def test_events_are_followed_when_nats_was_wiped(system, bus, nats_server):
    for message in ("the first", "the second"):
        await say(bus, system.ns, message)
    process = system.start("events", "-n", system.ns, "-w")
    for message in ("the first", "the second"):
        assert message in await asyncio.to_thread(process.stdout.readline)
    await nats_server.server.kill()
    shutil.rmtree(nats_server.data_dir / "jetstream")
    await nats_server.restart()
    await answering(bus)
    await bus.declare(EVENTS)
    await say(bus, system.ns, "the third")
    assert "the third" in await asyncio.to_thread(process.stdout.readline)


async def test_following_ends_with_words_when_the_password_has_changed(system, bus, nats_server):
    await say(bus, system.ns, "the first")
    process = system.start("events", "-n", system.ns, "-w")
    assert "the first" in await asyncio.to_thread(process.stdout.readline)
    await nats_server.server.kill()
    nats_server.server.password_file("cli").write_text("another\n")
    await nats_server.restart()
    assert "its password has changed" in await asyncio.to_thread(process.stdout.read)
    assert process.wait(20) == 1
    assert "does not let user 'cli' in" in await run(system, "deadletters", "list", code=2)


async def test_drift_is_told_as_it_stands_and_as_it_was(system, bus):
    system.declare()
    fields = [{"path": "spec.replicas", "from": "3", "to": "9"}]
    text = await run(system, "drift", "-n", system.ns, "--exit-code")
    assert "nothing is out of step now" in text
    facts = {"object": "Deployment/production/shop", "action": "revert", "manager": "kubectl"}
    await say(bus, system.ns, "drift", reason="DriftDetected", **facts, fields=json.dumps(fields))
    text = await run(system, "drift", "-n", system.ns, "--exit-code")
    assert "in the last 7d" in text
    assert "Deployment/production/shop (reverted; by kubectl)" in text
    standing = {
        "id": "production_web_apps_Deployment",
        "since": "2026-01-31T12:00:00Z",
        "action": "report",
        "by": "helm",
        "fields": fields,
    }
    system.status(("Ready", "True", "Applied"), drift=[standing])
    text = await run(system, "drift", "ks/apps", "-n", system.ns, "--exit-code", code=1)
    assert (
        "Deployment/production/web since 2026-01-31T12:00:00Z (left standing: mode warn; by helm)"
        in text
    )
    text = await run(system, "drift", "deploy/shop")
    assert "web" not in text
    assert "shop" in text
    found = json.loads(await run(system, "drift", "-n", system.ns, "-o", "json"))
    assert [one["object"] for one in found["present"]] == ["Deployment/production/web"]
    assert [one["object"] for one in found["past"]] == ["Deployment/production/shop"]
    assert found["past"][0]["fields"] == found["present"][0]["fields"] == fields


async def test_dead_letters_are_listed_shown_sent_again_and_dropped(system, bus):
    subject = subjects.command("local", "GitRepository", "flux-system", "a")
    command = Envelope(id="c", time=datetime.now(UTC), subject=subject, payload={"action": "look"})
    await bury(bus, subject, encode(command))
    await bury(bus, "events.local.torn", b"torn")
    assert "crashed" in await run(system, "deadletters", "list")
    shown = json.loads(await run(system, "deadletters", "show", "1"))
    assert shown["payload"]["payload"] == {"action": "look"}
    await run(system, "deadletters", "replay", "1")
    (again,) = await bus.last(COMMANDS.name, "commands.>")
    assert again.envelope == command
    assert "no dead letter 1" in await run(system, "deadletters", "show", "1", code=1)
    assert "no dead letter 1000" in await run(system, "deadletters", "show", str(10**22), code=1)
    await run(system, "deadletters", "drop", "--all")
    assert "no dead letters" in await run(system, "deadletters", "list")


async def test_a_bus_without_streams_holds_nothing_yet(with_bus):
    assert "no dead letters" in await run(with_bus, "deadletters", "list")
    assert "no events" in await run(with_bus, "events")


def test_a_bus_that_cannot_be_reached_is_said(setpoint):
    unreachable = {"NATS_URL": "nats://someone:secret@127.0.0.1:1"}
    text = setpoint("deadletters", "list", code=2, **unreachable)
    assert "127.0.0.1:1 cannot be reached" in text
    assert "secret" not in text
    assert "nothing names NATS" in setpoint("deadletters", "list", code=2)
    setpoint.declare()
    assert "only NATS knows: nothing names NATS" in setpoint("drift", "-n", setpoint.ns)


@pytest.mark.parametrize("address", ["nats://127.0.0.1:x", "nats://[::1", "nats://127.0.0.1:1"])
def test_an_address_of_nats_of_no_use_leaves_what_the_cluster_knows(setpoint, address):
    setpoint.declare()
    words = ("-n", setpoint.ns, "--nats", address)
    assert "these are Kubernetes Events" in setpoint("events", *words)
    text = setpoint("drift", *words)
    assert "nothing is out of step now\nwhat was before only NATS knows: " in text
    assert "error: " in setpoint("deadletters", "list", "--nats", address, code=2)
