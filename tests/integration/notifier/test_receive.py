"""Webhooks that make their sources look, as a forge, a stranger and an attacker send them."""

import asyncio
import gzip
import hashlib
import hmac
import io
import json

import aiohttp
import pytest

from shared.messages import Command, payload_as
from tests.integration.notifier.conftest import eventually

PUSH = json.dumps({"ref": "refs/heads/main"}).encode()
LIMIT = 3 * 1024 * 1024  # bytes


def signed(body, name="X-Hub-Signature-256", token=b"sesame", **more):
    return {
        name: "sha256=" + hmac.digest(token, body, hashlib.sha256).hex(),
        "X-GitHub-Event": "push",
        "Content-Type": "application/json",
        **{key.replace("_", "-"): value for key, value in more.items()},
    }


class Hook:
    """A declared receiver of a running notifier."""

    def __init__(self, process, path, session):
        self.process = process
        self.path = path
        self.session = session

    async def call(self, headers=None, body=PUSH, path=None, method="POST"):
        url = self.process.receiver(self.path if path is None else path)
        async with self.session.request(method, url, data=body, headers=headers or {}) as response:
            return response.status, await response.text()


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as found:
        yield found


@pytest.fixture
def hook(notifier, declare, session):
    async def make(type_="github", wanted="True", **spec):
        declare.secret("token", token="sesame")
        defaults = {
            "type": type_,
            "secretRef": {"name": "token"},
            "resources": [{"kind": "GitRepository", "name": "app"}],
        }
        declare("Receiver", "push", defaults | spec, version="v1")
        process = await notifier.start()
        found, _ = await declare.ready("receiver", "push", wanted)
        return Hook(process, found["status"].get("webhookPath", ""), session)

    return make


async def called(bus):
    """
    Return subjects and commands of calls; those of the start are for calls that nobody heard.
    """
    found = [item async for item in bus.read("COMMANDS", "commands.>")]
    commands = [(item.subject, payload_as(item.envelope, Command)) for item in found]
    return [(at, one) for at, one in commands if not one.cause.startswith("start of the notifier")]


@pytest.fixture
def looks(bus):
    async def read():
        return [(one.action, one.kind, one.name) for _, one in await called(bus)]

    return read


async def test_a_signed_push_makes_the_source_look(hook, looks, bus, namespaced):
    push = await hook(events=["push"])
    assert await push.call(signed(PUSH)) == (200, "")
    assert await looks() == [("look", "GitRepository", "app")]
    [(subject, _)] = await called(bus)
    assert subject == f"commands.local.GitRepository.{namespaced.namespace}.app"


async def test_a_start_makes_the_source_look_once_for_the_calls_that_nobody_heard(hook, bus):
    await hook()

    async def causes():
        found = [item async for item in bus.read("COMMANDS", "commands.>")]
        return [payload_as(item.envelope, Command).cause for item in found]

    found = await eventually(causes)
    assert [one for one in found if one.startswith("start of the notifier")]


async def test_only_what_is_genuine_is_let_in(hook, looks):
    push = await hook(events=["push"])
    body = gzip.compress(b"x" * 100_000)
    rejected = [
        ({}, PUSH),
        (signed(PUSH, token=b"other"), PUSH),
        (signed(PUSH), PUSH + b" "),
        (signed(PUSH, X_GitHub_Event="ping"), PUSH),
        (signed(PUSH, Content_Type="text/plain"), PUSH),
        (signed(b"not json"), b"not json"),
        (signed(body, Content_Encoding="gzip"), body),
        (signed(b""), b""),
    ]
    for headers, sent in rejected:
        assert await push.call(headers, sent) == (400, "the call could not be validated\n")
    assert await looks() == []


async def test_a_rotated_token_is_used_without_a_restart(hook, declare, namespaced):
    push = await hook(interval="1h")
    assert (await push.call(signed(PUSH)))[0] == 200
    declare.secret("token", token="renewed")
    name = f"renewedpush{namespaced.namespace}".encode()
    path = f"/hook/{hashlib.sha256(name).hexdigest()}"
    assert (await push.call(signed(PUSH, token=b"renewed"), path=path))[0] == 200
    assert (await push.call(signed(PUSH)))[0] == 404


async def test_a_form_a_get_and_the_old_signature_are_let_in(hook):
    push = await hook()
    form = b"payload=%7B%7D"
    assert (await push.call(signed(form, Content_Type="application/x-www-form-urlencoded"), form))[
        0
    ] == 200
    old = {"X-Hub-Signature": "sha1=" + hmac.digest(b"sesame", PUSH, "sha1").hex()}
    assert (await push.call(old | {"Content-Type": "application/json"}))[0] == 200
    assert (await push.call(signed(PUSH), method="PUT"))[0] == 200


async def test_a_generic_hmac_receiver_checks_the_raw_bytes(hook):
    push = await hook("generic-hmac")
    body = gzip.compress(b"raw")
    headers = signed(body, "X-Signature", Content_Encoding="gzip")
    assert (await push.call(headers, body))[0] == 200
    assert (await push.call(headers, b"raw"))[0] == 400


async def test_paths_are_compared_as_they_were_sent(hook):
    push = await hook("generic")
    assert (await push.call())[0] == 200
    for path in (push.path + "?a=1", push.path + "/", "/hook/" + "0" * 64, "/", "/%68ook/x"):
        assert await push.call(path=path) == (404, "not found\n")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_cut_off_before_it_is_checked(hook, chunked):
    push = await hook()

    async def endless():
        for _ in range(1024):
            yield b"x" * 1024 * 1024

    body = endless() if chunked else io.BytesIO(b"x" * (LIMIT + 1))
    try:
        status, _ = await push.call(signed(b"x"), body)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        status = 413  # the server hung up while we were still sending
    assert status == 413
    assert (await push.call(signed(b"x" * LIMIT), io.BytesIO(b"x" * LIMIT)))[0] == 400


async def test_a_length_of_a_gigabyte_is_refused_without_reading(hook):
    push = await hook()
    reader, writer = await asyncio.open_connection("127.0.0.1", push.process.ports["receiver"])
    head = f"POST {push.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {2**30}\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(5):
        assert b" 413 " in await reader.readline()
    writer.close()


async def test_whoever_sends_too_slowly_is_cut_off_and_others_are_served(hook):
    push = await hook()
    port = push.process.ports["receiver"]
    header, body = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    header[1].write(f"POST {push.path} HTTP/1.1\r\nHost: x\r\nX-Slow: ".encode())
    body[1].write(f"POST {push.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx".encode())
    assert (await push.call(signed(PUSH)))[0] == 200
    async with asyncio.timeout(15):
        assert b" 408 " in await body[0].readline()
        assert await cut_off(header[0])
    for _, writer in (header, body):
        writer.close()


async def cut_off(reader):
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


async def test_a_burst_makes_one_look_at_once_and_one_after_it(hook, looks):
    push = await hook("generic")
    answers = await asyncio.gather(*(push.call() for _ in range(50)))
    assert {status for status, _ in answers} == {200}
    assert len(await looks()) == 1

    async def second():
        return len(await looks()) == 2

    await eventually(second)


async def test_without_nats_the_forge_is_asked_to_come_again(hook, nats_server):
    push = await hook("generic")
    await nats_server.server.kill()
    assert (await push.call())[0] == 503
    await nats_server.restart()

    async def taken():
        return (await push.call())[0] == 200

    await eventually(taken)


async def test_a_suspended_receiver_answers_503(hook, declare):
    push = await hook("generic")
    declare(
        "Receiver",
        "push",
        {
            "type": "generic",
            "suspend": True,
            "secretRef": {"name": "token"},
            "resources": [{"kind": "GitRepository", "name": "app"}],
        },
        version="v1",
    )

    async def refused():
        return (await push.call())[0] == 503

    await eventually(refused)


async def test_a_missing_secret_shows_in_the_status_and_clears_the_path(
    notifier, declare, hook, namespaced
):
    push = await hook("generic")
    assert push.path
    namespaced("delete", "secret", "token")
    namespaced("annotate", "receiver", "push", "reconcile.fluxcd.io/requestedAt=now")

    async def cleared():
        found = await asyncio.to_thread(namespaced.json, "get", "receiver", "push")
        return "webhookPath" not in found["status"] and found

    found = await eventually(cleared)
    (ready,) = [item for item in found["status"]["conditions"] if item["type"] == "Ready"]
    assert ready["reason"] == "TokenNotFound"
    assert (await push.call())[0] == 404


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"type": "gitlab"}, "gitlab"),
        ({"resourceFilter": "true"}, "resourceFilter"),
        ({"resources": [{"kind": "HelmRelease", "name": "x"}]}, "HelmRelease"),
    ],
)
async def test_what_is_not_supported_is_refused_in_the_status(hook, declare, spec, word):
    push = await hook(**{"type_": "generic", "wanted": "False"} | _renamed(spec))
    _, conditions = await declare.ready("receiver", "push", "False")
    assert conditions["Stalled"]["reason"] == "NotSupported"
    assert word in conditions["Ready"]["message"]
    assert push.path == ""


def _renamed(spec):
    return {"type_" if key == "type" else key: value for key, value in spec.items()}


async def test_a_kind_that_nobody_reads_answers_500_after_the_others_were_told(hook, looks):
    push = await hook(
        "generic",
        resources=[
            {"kind": "HelmRepository", "name": "x"},
            {"kind": "GitRepository", "name": "app"},
            {
                "kind": "Kustomization",
                "name": "app",
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            },
        ],
    )
    assert (await push.call())[0] == 500
    assert await looks() == [("look", "GitRepository", "app"), ("look", "Kustomization", "app")]


async def test_labels_choose_among_the_objects_of_the_api(hook, looks, namespaced):
    for name, team in (("one", "red"), ("two", "blue")):
        namespaced(
            "apply",
            "--server-side",
            "-f",
            "-",
            stdin={
                "apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "GitRepository",
                "metadata": {"name": name, "labels": {"team": team}},
                "spec": {"url": "https://git.example/x", "interval": "1h", "suspend": True},
            },
        )
    resources = [{"kind": "GitRepository", "name": "*", "matchLabels": {"team": "red"}}]
    push = await hook("generic", resources=resources)
    assert (await push.call())[0] == 200
    assert await looks() == [("look", "GitRepository", "one")]


async def test_no_token_gets_into_the_log(hook, notifier):
    push = await hook()
    await push.call(signed(PUSH))
    await push.call({"X-Hub-Signature-256": "sha256=00"})
    await push.process.stop()
    assert "sesame" not in notifier.logs()
    assert push.path not in notifier.logs()
