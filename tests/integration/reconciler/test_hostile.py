"""What others write, by mistake or on purpose, must not stop the reconciler for everybody."""

import asyncio
import json

import pytest

from tests.fixtures.reconciler import REPO, config

SECRETS = 60
GROUP = "kustomize.toolkit.fluxcd.io"


@pytest.fixture
async def silent_webhook(rec):
    """A webhook for Secrets of this namespace that never answers; counts its calls."""
    calls, name = [], f"silent-{rec.ns}"

    async def hold(reader, writer):
        calls.append(writer)
        await reader.read(-1)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    def declare(**selector):
        rec.apply(
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": name},
                "webhooks": [
                    {
                        "name": "silent.example.com",
                        "clientConfig": {"url": f"https://127.0.0.1:{port}/"},
                        "rules": [
                            {
                                "apiGroups": [""],
                                "apiVersions": ["v1"],
                                "operations": ["CREATE", "UPDATE"],
                                "resources": ["secrets"],
                            }
                        ],
                        "namespaceSelector": {
                            "matchLabels": {"kubernetes.io/metadata.name": rec.ns}
                        },
                        "timeoutSeconds": 2,
                        "sideEffects": "None",
                        "admissionReviewVersions": ["v1"],
                        **selector,
                    }
                ],
            }
        )
        return calls

    def remove():
        rec.kubectl.run("delete", "validatingwebhookconfiguration", name, "--ignore-not-found")

    yield declare, remove
    remove()
    server.close()
    for writer in calls:
        writer.transport.abort()


def secrets(ns, count, **labels):
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"s{n}", "namespace": ns, "labels": labels},
            "stringData": {"a": "b"},
        }
        for n in range(count)
    ]


async def test_a_digest_of_another_program_holds_up_its_own_kustomization_alone(rec):
    revision = await rec.push({"a.yaml": [config("a", rec.ns)]})
    rec.declare()
    process = rec.start()
    await rec.at(revision)
    artifact = rec.kubectl.json("get", REPO, "repo")["status"]["artifact"]
    artifact |= {"digest": "sha512:" + "0" * 128, "revision": "main@sha1:" + "f" * 40}
    rec.kubectl(
        "patch", REPO, "repo", "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": {"artifact": artifact}}),
    )  # fmt: skip
    await rec.push({"b.yaml": [config("b", rec.ns)]}, name="other")
    rec.declare("other", sourceRef={"kind": "GitRepository", "name": "other"})
    await rec.ready(name="other")
    assert process.poll() is None, rec.log
    rec.declare(annotations={"reconcile.fluxcd.io/requestedAt": "now"})
    await rec.ready("False", message="no sha256")
    await rec.at(await rec.push({"a.yaml": [config("a", rec.ns, b="2")]}))
    assert rec.live("configmap", "a")["data"] == {"b": "2"}


async def test_a_webhook_that_does_not_answer_is_tried_for_a_few_objects_only(rec, silent_webhook):
    declare, remove = silent_webhook
    calls = declare()
    rec.start()
    await rec.push({"a.yaml": [*secrets(rec.ns, SECRETS), config("a", rec.ns)]})
    rec.declare()
    found = await rec.ready("False", message=f"{SECRETS} of {SECRETS + 1} objects refused")
    assert "silent.example.com" in found["message"]
    assert len(calls) < SECRETS / 2
    assert rec.live("configmap", "a"), "what needs no such webhook is applied"
    remove()
    await rec.ready()
    assert len(rec.kubectl("get", "secrets", "-o", "name").split()) == SECRETS


async def test_what_such_a_webhook_does_not_concern_is_applied_in_the_same_pass(
    rec, silent_webhook
):
    declare, remove = silent_webhook
    declare(objectSelector={"matchLabels": {"checked": "yes"}})
    rec.start()
    objects = secrets(rec.ns, SECRETS)
    for one in objects[:20]:
        one["metadata"]["labels"] = {"checked": "yes"}
    await rec.push({"a.yaml": objects})
    rec.declare()
    await rec.ready("False", message=f"20 of {SECRETS} objects refused")
    assert len(rec.kubectl("get", "secrets", "-o", "name").split()) == SECRETS - 20
    remove()
    await rec.ready()


CANARY = "canary-9f8e7d6c"


async def test_a_value_of_a_secret_shows_in_no_event_and_no_status_wherever_it_was_put(rec):
    rec.kubectl(
        "create", "secret", "generic", "vars", f"--from-literal=SHORT={CANARY}",
        f"--from-literal=LONG={CANARY * 20}",
    )  # fmt: skip
    substitute = {"substituteFrom": [{"kind": "Secret", "name": "vars"}]}
    rec.start()
    revision = await rec.push(
        {"a.yaml": [config("a", rec.ns, dsn="pg:${SHORT}@db", more="${LONG}")]}
    )
    rec.declare(postBuild=substitute)
    await rec.at(revision)
    assert CANARY in rec.live("configmap", "a")["data"]["dsn"]

    def meddle(value):
        data = {"dsn": f"{CANARY} {value}", "more": value}
        rec.kubectl("patch", "configmap", "a", "--type=merge", "-p", json.dumps({"data": data}))

    meddle("1")
    assert "***" in (await rec.told("DriftDetected")).metadata[f"{GROUP}/fields"]
    rec.declare(postBuild=substitute, driftDetection={"mode": "warn"})
    await rec.settled()
    meddle("2")
    await rec.eventually(lambda: rec.get()["status"].get("drift"), "drift that stands")
    shown = [json.dumps(rec.get()["status"]), rec.log, rec.kubectl("get", "events", "-o", "json")]
    shown += [event.model_dump_json() for event in await rec.events()]
    assert not [text for text in shown if CANARY in text or "canary-9f8e7" in text]
