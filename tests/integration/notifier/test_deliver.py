"""Events that reach their providers, on a real bus and a real API server."""

import asyncio
import hashlib
import hmac
import shutil

import pytest
from aiohttp import web

from shared.errors import SetpointError
from shared.messages import DeadLetter, payload_as
from tests.integration.notifier.conftest import eventually

REVISION = {"kustomize.toolkit.fluxcd.io/revision": "main@sha1:1"}


def messages(deliveries):
    return [delivery.json["message"] for delivery in deliveries]


async def slow(_):
    await asyncio.sleep(30)
    return web.Response()


async def reset(request):
    request.transport.abort()
    return web.Response()


async def endless(request):
    response = web.StreamResponse()
    await response.prepare(request)
    try:
        while True:
            await response.write(b"x" * 65536)
    except ConnectionResetError:
        return response


async def test_an_event_becomes_a_webhook(notifier, declare, sink, source):
    declare.secret("hook", headers="Authorization: Bearer abc\n")
    declare.provider("hook", sink.url("/hook"), secretRef={"name": "hook"})
    declare.alert("all", summary="production")
    await notifier.start()
    await source.say("applied 3 objects", metadata=REVISION)
    (delivery,) = await sink.wait("/hook")
    assert delivery.json["message"] == "applied 3 objects"
    assert delivery.json["metadata"] == {"revision": "main@sha1:1", "summary": "production"}
    assert delivery.headers["gotk-component"] == "kustomize-controller"
    assert delivery.headers["Authorization"] == "Bearer abc"
    await declare.ready("provider", "hook")
    await declare.ready("alert", "all")


async def test_a_signed_webhook_has_the_signature_of_its_bytes(notifier, declare, sink, source):
    declare.secret("hook", token="sesame", address=sink.url("/signed"))
    declare("Provider", "hook", {"type": "generic-hmac", "secretRef": {"name": "hook"}})
    declare.alert("all")
    await notifier.start()
    await source.say()
    (delivery,) = await sink.wait("/signed")
    expected = hmac.digest(b"sesame", delivery.body, hashlib.sha256).hex()
    assert delivery.headers["X-Signature"] == f"sha256={expected}"


async def test_labels_of_the_object_decide(notifier, declare, sink, source, kubectl, namespaced):
    declare.provider("hook", sink.url("/hook"))
    sources = [{"kind": "Kustomization", "name": "*", "matchLabels": {"team": "red"}}]
    declare.alert("red", eventSources=sources)
    for name, team in (("one", "red"), ("two", "blue")):
        namespaced(
            "apply",
            "--server-side",
            "-f",
            "-",
            stdin={
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
                "kind": "Kustomization",
                "metadata": {
                    "name": name,
                    "labels": {"team": team},
                    "annotations": {"event.toolkit.fluxcd.io/team": team},
                },
                "spec": {
                    "interval": "10m",
                    "prune": True,
                    "suspend": True,
                    "sourceRef": {"kind": "GitRepository", "name": "x"},
                },
            },
        )
    await notifier.start()
    await source.say("of two", name="two")
    await source.say("of one", name="one")
    (delivery,) = await sink.wait("/hook")
    assert delivery.json["message"] == "of one"
    assert delivery.json["metadata"] == {"team": "red"}


@pytest.mark.parametrize("answer", [500, (429, {"Retry-After": "1"}), 408, reset])
async def test_what_may_pass_is_sent_again_with_the_same_id(
    notifier, declare, sink, source, answer
):
    declare.provider("hook", sink.url("/hook"))
    declare.alert("all")
    sink.script("/hook", answer)
    await notifier.start()
    await source.say()
    first, second = await sink.wait("/hook", 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert second.at - first.at > 0.5


@pytest.mark.parametrize("answer", [400, (302, {"Location": "http://169.254.169.254/"}), 410])
async def test_what_is_refused_is_a_dead_letter_and_the_next_one_goes_on(
    notifier, declare, sink, source, dead_letters, namespaced, answer
):
    declare.provider("hook", sink.url("/hook"))
    declare.alert("all")
    sink.script("/hook", answer)
    await notifier.start()
    await source.say("refused")
    await source.say("taken")
    assert messages(await sink.wait("/hook", 2)) == ["refused", "taken"]
    (received,) = await eventually(dead_letters)
    letter = payload_as(received.envelope, DeadLetter)
    assert letter.provider == f"{source.namespace}/hook"
    assert letter.attempts == 1
    assert str(answer[0] if isinstance(answer, tuple) else answer) in letter.reason
    assert received.subject == f"deadletters.local.deliveries.{source.namespace}.hook"

    async def shown():
        found = await asyncio.to_thread(namespaced.json, "get", "events")
        return [item for item in found["items"] if item["reason"] == "NotificationDispatchFailed"]

    (event,) = await eventually(shown)
    assert event["involvedObject"]["name"] == "all"


async def test_a_provider_that_is_dead_or_slow_delays_nobody_else(notifier, declare, sink, source):
    declare.provider("dead", "http://127.0.0.1:9/")
    declare.provider("slow", sink.url("/slow"), timeout="30s")
    declare.provider("hook", sink.url("/hook"))
    for name in ("dead", "slow", "hook"):
        declare.alert(name, provider=name)
    sink.script("/slow", slow)
    await notifier.start()
    for number in range(20):
        await source.say(f"message {number}")
    got = await sink.wait("/hook", 20)
    assert messages(got) == [f"message {number}" for number in range(20)]
    assert len(sink.at("/slow")) == 1
    _, conditions = await declare.ready("provider", "dead", "False")
    assert conditions["Ready"]["reason"] == "NotificationDispatchFailed"


async def test_order_is_kept_while_a_provider_fails(notifier, declare, sink, source):
    declare.provider("hook", sink.url("/hook"))
    declare.alert("all")
    sink.script("/hook", 500, 503)
    await notifier.start()
    for number in range(4):
        await source.say(f"message {number}")
    got = messages(await sink.wait("/hook", 6))
    assert got == ["message 0"] * 3 + ["message 1", "message 2", "message 3"]


async def test_an_answer_without_end_is_not_read_to_its_end(notifier, declare, sink, source):
    declare.provider("hook", sink.url("/hook"))
    declare.alert("all")
    sink.script("/hook", endless)
    await notifier.start()
    await source.say("one")
    await source.say("two")
    assert messages(await sink.wait("/hook", 2)) == ["one", "two"]


@pytest.mark.parametrize("point", ["notifier.queued", "notifier.sent", "notifier.remembered"])
async def test_a_kill_between_two_side_effects_loses_nothing(
    notifier, declare, sink, source, point
):
    declare.provider("hook", sink.url("/hook"))
    declare.alert("all")
    process = await notifier.start(SETPOINT_KILL_AT=point)
    await source.say("first")
    async with asyncio.timeout(20):
        assert await process.child.wait() == -9
    await source.say("second")
    await notifier.start()
    count = 3 if point == "notifier.sent" else 2
    got = await sink.wait("/hook", count)
    assert messages(got) == ["first"] * (count - 1) + ["second"]
    assert len({delivery.headers["webhook-id"] for delivery in got}) == 2


async def test_a_kill_after_a_dead_letter_makes_no_second_one(
    notifier, declare, sink, source, dead_letters
):
    declare.provider("hook", sink.url("/hook"))
    declare.alert("all")
    sink.script("/hook", 400, 400)
    process = await notifier.start(SETPOINT_KILL_AT="notifier.buried")
    await source.say("first")
    async with asyncio.timeout(20):
        await process.child.wait()
    await notifier.start()
    await source.say("second")
    await sink.wait("/hook", 3)
    assert len(await dead_letters()) == 1


async def test_events_go_on_after_nats_was_away(notifier, declare, sink, source, nats_server):
    declare.provider("hook", sink.url("/hook"))
    declare.alert("all")
    await notifier.start()
    await source.say("before")
    await sink.wait("/hook")
    await nats_server.bounce()
    await eventually(lambda: said(source, "after"))
    assert messages(await sink.wait("/hook", 2)) == ["before", "after"]


async def said(source, message):
    try:
        await source.say(message, id_="the same")
    except SetpointError:
        return False
    return True


async def test_a_deleted_provider_leaves_dead_letters_and_no_durable(
    notifier, declare, sink, source, bus, dead_letters, namespaced
):
    declare.provider("hook", sink.url("/hook"))
    declare.alert("all")
    sink.script("/hook", *[500] * 50)
    await notifier.start()
    for number in range(3):
        await source.say(f"message {number}")
    await sink.wait("/hook")
    namespaced("delete", "provider", "hook")

    async def buried():
        return len(await dead_letters()) == 3

    await eventually(buried)

    async def gone():
        # Other tests' Providers may still stand in the cluster, with durables of their own.
        own = f"{namespaced.namespace}_"
        names = await bus.durables("DELIVERIES")
        return not [name for name in names if name.startswith(own) and "gone" not in name]

    await eventually(gone)


async def test_a_changed_provider_is_tried_at_once(notifier, declare, sink, source):
    declare.provider("hook", sink.url("/busy"))
    declare.alert("all")
    sink.script("/busy", (503, {"Retry-After": "600"}))
    await notifier.start()
    await source.say()
    await declare.ready("provider", "hook", "False")
    declare.provider("hook", sink.url("/hook"))
    await sink.wait("/hook")
    await declare.ready("provider", "hook")


async def test_a_provider_may_not_reach_nats_or_metadata(notifier, declare, source, nats_server):
    declare.provider("nats", nats_server.server.address.replace("nats://", "http://"))
    declare.provider("metadata", "http://169.254.169.254/latest")
    await notifier.start()
    for name in ("nats", "metadata"):
        _, conditions = await declare.ready("provider", name, "False")
        assert conditions["Ready"]["reason"] == "TargetForbidden"


async def test_unsupported_types_are_refused_in_the_status(notifier, declare, source):
    declare("Provider", "chat", {"type": "discord", "address": "https://example.com"})
    declare.alert("chat", provider="chat")
    await notifier.start()
    for kind in ("provider", "alert"):
        _, conditions = await declare.ready(kind, "chat", "False")
        assert conditions["Stalled"]["reason"] == "NotSupported"
        assert "discord" in conditions["Ready"]["message"]


async def test_after_a_wipe_of_the_bus_it_says_so_and_goes_on(
    notifier, declare, sink, source, nats_server
):
    declare.provider("hook", sink.url("/hook"))
    declare.alert("all")
    await notifier.start()
    await source.say("before")
    await sink.wait("/hook")
    await nats_server.server.kill()
    await asyncio.to_thread(shutil.rmtree, nats_server.data_dir / "jetstream")
    await nats_server.restart()
    await sink.wait("/hook", 2)
    assert sink.at("/hook")[1].json["reason"] == "BusReset"
    assert sink.at("/hook")[1].json["involvedObject"]["name"] == "setpoint-notifier"
    await eventually(lambda: said(source, "after"))
    assert messages(await sink.wait("/hook", 3))[-1] == "after"


async def test_no_secret_gets_into_logs_statuses_or_dead_letters(
    notifier, declare, sink, source, namespaced, dead_letters
):
    canary = "c4n4ry5ecret"
    declare.secret(
        "hook",
        token=canary,
        address=sink.url(f"/{canary}"),
        headers=f"Authorization: {canary}",
    )
    declare("Provider", "hook", {"type": "generic-hmac", "secretRef": {"name": "hook"}})
    declare.alert("all")
    sink.script(f"/{canary}", 500, reset, 400)
    process = await notifier.start(SETPOINT_LOG_LEVEL="debug")
    await source.say()
    await eventually(dead_letters)
    await declare.ready("provider", "hook", "False")
    await process.stop()
    (received,) = await dead_letters()
    shown = [notifier.logs(), received.envelope.model_dump_json()]
    shown.append(namespaced("get", "provider,alert", "-o", "yaml"))
    assert not any(canary in text for text in shown)


async def test_it_stops_within_its_time_and_gives_its_lease_back(
    notifier, declare, sink, source, namespaced
):
    declare.provider("hook", sink.url("/hook"), timeout="60s")
    declare.alert("all")
    sink.script("/hook", slow)
    process = await notifier.start()
    await source.say()
    await sink.wait("/hook")
    async with asyncio.timeout(10):
        assert await process.stop() == 0
    lease = namespaced.json("get", "lease", "setpoint-notifier")
    assert not lease["spec"].get("holderIdentity")
    await notifier.start()
    await sink.wait("/hook", 2)
