"""
Secrets in a system where everything around them goes wrong, and texts that want to be more.
"""

import asyncio
import base64
import json
import re
import secrets
from urllib.parse import quote

import pytest
import pytest_asyncio
from aiohttp import web

from tests.faults.attacks.outputs import commands, places
from tests.faults.eventually import eventually
from tests.faults.oracle.secrets import forms, kept
from tests.faults.system import faulted
from tests.faults.system.declared import NAMESPACE, SOURCE, secret
from tests.fixtures.cluster import Kubectl

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

USER = "ada"
HOSTILE = (
    "<!channel> @channel <https://evil.example|click> [click](https://evil.example) "
    "\x1b]0;owned\x07\x1b[2J\u202egnp.exe"
)
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def canary(name):
    return f"canary-{name}-{secrets.token_hex(8)}"


CANARIES = {
    name: canary(name)
    for name in ("password", "wrong", "committed", "variable", "path", "header", "query", "live")
}
COMMITTED, VARIABLE = CANARIES["committed"], "${TOKEN}"


def manifest(kind, name, version="v1", **body):
    return json.dumps(
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, "namespace": NAMESPACE, **body.pop("metadata", {})},
            **body,
        }
    )


def generator(**more):
    return json.dumps({"secretGenerator": [{"name": "made", **more}]})


def patch(text):
    target = {"kind": "Secret"}
    return json.dumps({"resources": ["a.yaml"], "patches": [{"target": target, "patch": text}]})


SECRET = manifest("Secret", "kept", stringData={"a": COMMITTED})
KUSTOMIZATION = "kustomization.yaml"
# Folders by what is wrong in them; the value that must not be shown stands where it goes wrong.
BROKEN = {
    "label": {"a.yaml": manifest("ConfigMap", "l", metadata={"labels": {"a": f"{VARIABLE} !"}})},
    "port": {"a.yaml": manifest("Service", "p", spec={"ports": [{"port": VARIABLE}]})},
    "replicas": {
        "a.yaml": manifest("Deployment", "d", "apps/v1", spec={"replicas": f"{VARIABLE}"})
    },
    "yaml": {"a.yaml": f"a: {{b: {VARIABLE}: [}}\n"},
    "base64": {"a.yaml": manifest("Secret", "b", data={"a": f"{COMMITTED}!"})},
    "number": {"a.yaml": manifest("Secret", "n", stringData={"a": [COMMITTED]})},
    "kind": {"a.yaml": json.dumps({"kind": "Secret", "stringData": {"a": COMMITTED}})},
    "unclosed": {"a.yaml": f"kind: Secret\nstringData: {{a: {COMMITTED}\nb: c\n"},
    "colon": {"a.yaml": f"kind: Secret\nstringData:\n  a: b: {COMMITTED}\n"},
    "tag": {"a.yaml": f"kind: Secret\nstringData:\n  a: !!int {COMMITTED}\n"},
    "literal": {KUSTOMIZATION: generator(literals=[COMMITTED])},
    "missing": {KUSTOMIZATION: generator(literals=[f"a={COMMITTED}"], envs=["not-there"])},
    "twice": {KUSTOMIZATION: generator(literals=[f"a={COMMITTED}", f"a={COMMITTED}"])},
    "env": {KUSTOMIZATION: generator(envs=["x.env"]), "x.env": f"{COMMITTED} y\n="},
    "patch": {KUSTOMIZATION: patch(f"a: {COMMITTED}\n b"), "a.yaml": SECRET},
    "operation": {
        KUSTOMIZATION: patch(json.dumps([{"op": "x", "path": "/data/a", "value": COMMITTED}])),
        "a.yaml": SECRET,
    },
    "test": {
        KUSTOMIZATION: patch(json.dumps([{"op": "test", "path": "/a", "value": COMMITTED}])),
        "a.yaml": SECRET,
    },
}


def app(**data):
    return {
        "app/a.yaml": manifest("ConfigMap", "app", data={"dsn": f"pg:{VARIABLE}@db", **data}),
        "app/b.yaml": manifest("Secret", "app", stringData={"a": COMMITTED}),
    }


class Stage:
    """A whole system, and what people and attackers do to it."""

    def __init__(self, system):
        self.system = system
        self.kubectl = Kubectl(system.cluster.kubeconfig, NAMESPACE)

    async def run(self, *words, stdin=None):
        return await asyncio.to_thread(self.kubectl, *words, stdin=stdin)

    async def notify(self, name, type_, **spec):
        body = {"type": type_, **spec}
        sources = [{"kind": kind, "name": "*"} for kind in ("GitRepository", "Kustomization")]
        version = "notification.toolkit.fluxcd.io/v1beta3"
        alert = {"providerRef": {"name": name}, "eventSources": sources}
        for kind, made in (("Provider", body), ("Alert", alert)):
            await self.system.apply(json.loads(manifest(kind, name, version, spec=made)))

    async def sync(self, name, **spec):
        body = {
            "interval": "1h",
            "retryInterval": "5s",
            "path": f"./{name}",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": SOURCE},
            **spec,
        }
        version = "kustomize.toolkit.fluxcd.io/v1"
        await self.system.apply(json.loads(manifest("Kustomization", name, version, spec=body)))

    async def ready(self, kind, name, status, word=""):
        async def there():
            found = await asyncio.to_thread(self.kubectl.json, "get", kind, name)
            return any(
                one["type"] == "Ready" and one["status"] == status and word in one["message"]
                for one in found.get("status", {}).get("conditions", [])
            )

        await eventually(f"{kind} {name} Ready {status} {word}", there, within=60)

    async def said(self, what, *words):
        """Wait for a word in an answer of kubectl."""

        async def there():
            return what in await self.run(*words)

        await eventually(f"{what} in {words}", there, within=60)


async def repeat(request):
    """Refuse a call by saying all of it again."""
    text = f"{request.url} {dict(request.headers)}"
    return web.Response(status=500, text=text, headers={"Retry-After": "1", "X-Said": text})


def repeat_git(request):
    """Lead a fetch elsewhere, with its credentials in the address, or say them."""
    given = request.headers.get("Authorization", "")
    clear = base64.b64decode(given.rpartition(" ")[2] or "").decode()
    to = {"Location": f"http://{clear}@127.0.0.1:1/{clear}", "WWW-Authenticate": f"Basic {clear}"}
    return web.Response(status=302, text=f"{given} {clear}", headers=to)


async def declare(stage):
    system = stage.system
    for name, value in (("login", "password"), ("false-login", "wrong")):
        await system.apply(secret(name, username=USER, password=CANARIES[value]))
    await system.apply(secret("vars", TOKEN=CANARIES["variable"]))
    url = system.sinks.url(f"slack/{CANARIES['path']}")
    headers = f"Authorization: Bearer {CANARIES['header']}\n"
    await system.apply(secret("slack", address=url))
    await system.apply(secret("headed", headers=headers))
    await stage.notify("slack", "slack", secretRef={"name": "slack"}, channel="#ops")
    address = f"{system.sinks.url('headed')}?token={CANARIES['query']}"
    await stage.notify("headed", "generic", address=address, secretRef={"name": "headed"})
    repo = {"spec": {"secretRef": {"name": "login"}}}
    await stage.run("patch", "gitrepository", SOURCE, "--type=merge", "-p", json.dumps(repo))
    spec = {"url": system.git.url, "interval": "2s", "secretRef": {"name": "false-login"}}
    version = "source.toolkit.fluxcd.io/v1"
    await system.apply(json.loads(manifest("GitRepository", "refused", version, spec=spec)))
    substituted = {"substituteFrom": [{"kind": "Secret", "name": "vars"}]}
    for name in ("app", *BROKEN):
        await stage.sync(name, postBuild=substituted)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory):
    loud = {name: {"SETPOINT_LOG_LEVEL": "debug"} for name in ("source", "reconciler", "notifier")}
    async with faulted(tmp_path_factory.mktemp("outputs"), environment=loud) as system:
        found = Stage(system)
        system.git.server.basic = (USER, CANARIES["password"])
        files = {f"{at}/{path}": text for at, some in BROKEN.items() for path, text in some.items()}
        await system.git.commit({**app(), **files})
        await declare(found)
        await found.ready("kustomization", "app", "True")
        yield found


async def provoke(stage):
    """Let everything fail once that has a secret in its hands."""
    system = stage.system
    await stage.ready("gitrepository", "refused", "False", "credentials")
    for name in BROKEN:
        await stage.ready("kustomization", name, "False")
    live = base64.b64encode(CANARIES["live"].encode()).decode()
    meddled = {"configmap": {"dsn": f"{CANARIES['variable']}, changed"}, "secret": {"a": live}}
    for kind, data in meddled.items():
        change = json.dumps({"data": data})
        await stage.run("patch", kind, "app", "--type=merge", "-p", change)
    await stage.said("DriftCorrected", "get", "events", "-o", "wide")
    for name in ("slack", "headed"):
        system.sinks.answers[name] = repeat
    system.git.server.answer = repeat_git
    await stage.ready("gitrepository", SOURCE, "False", "redirects")
    system.git.server.answer = lambda _: web.Response(status=500, text=CANARIES["password"])
    await stage.ready("gitrepository", SOURCE, "False", "500")
    system.git.server.answer = None
    await system.nats.stop()
    await system.nats.start()
    for service in system.services.values():
        await service.kill()
        await service.ports()
    system.sinks.answers["slack"] = 403
    await stage.ready("gitrepository", SOURCE, "True")


async def test_no_secret_is_said_kept_or_shown_whatever_goes_wrong_around_it(stage):
    system = stage.system
    await provoke(stage)
    looked = await places(system)
    assert {"metrics of source", "setpoint events -A"} <= {place for place, _ in looked}
    known = {*CANARIES.values(), *system.tokens.values()}
    known |= {quote(text, safe="") for text in known}
    breaches = [str(one) for one in kept(looked, known) if not _sent(one.object, one.seen)]
    assert not breaches, "\n".join(breaches)
    assert any(one.headers.get("Authorization") for one in system.sinks.received)
    assert all(forms(text) for text in known)


def _sent(place, seen):
    """Say whether it is the token that a delivery must carry."""
    return place == "delivery headers" and "canary-heade" in seen


async def test_no_text_of_others_mentions_links_or_steers_wherever_it_is_shown(stage):
    system = stage.system
    system.sinks.answers.clear()
    system.sinks.received.clear()
    text = json.dumps(HOSTILE)
    named = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {text}}}\n"
    await system.git.commit({**app(text=HOSTILE), "name/a.yaml": named}, HOSTILE)
    await stage.sync("name")
    await stage.ready("kustomization", "name", "False", "evil.example")
    await stage.ready("kustomization", "app", "True")
    await stage.said("evil", "get", "configmap", "app", "-o", "yaml")
    change = json.dumps({"data": {"text": f"{HOSTILE} again"}})
    manager = "--field-manager=<!channel>"
    await stage.run("patch", "configmap", "app", manager, "--type=merge", "-p", change)

    async def told():
        return any(b"DriftDetected" in one.raw for one in system.sinks.received)

    await eventually("drift told", told)
    bodies = [one for one in system.sinks.received if b"evil.example" in one.raw]
    assert {one.sink for one in bodies} >= {"plain", "slack"}
    shown = {f"setpoint {words}": text for words, text in (await printed(stage)).items()}
    shown |= {f"log of {name}": one.said() for name, one in system.services.items()}
    for one in bodies:
        assert not [value for value in one.headers.values() if "evil" in value]
        if one.sink == "slack":
            # Others get the event as it is: what they make of its text is theirs.
            shown[f"slack {one.id}"] = one.raw.decode()
            assert "<" not in one.raw.decode(), one.raw
    steered = {
        place: text[max(0, found.start() - 200) : found.end()]
        for place, text in shown.items()
        if (found := STEERING.search(text))
    }
    assert not steered


async def printed(stage):
    return await asyncio.to_thread(commands, stage.system)
