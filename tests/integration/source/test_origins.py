"""
Each fault of an origin: said with a name and a way out, without a secret, and gone with its cause.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from tests.fixtures.source import until

SECRETS = ("ada-c4n4ry", "b34rer-c4n4ry", "url-c4n4ry")


@dataclass
class Fault:
    """
    How an origin fails and how it is mended; which words people read.
    """

    words: tuple[str, ...]
    breaks: Any
    mends: Any
    secret: dict[str, str] | None = None


def unreachable(rig):
    rig.git.answer = lambda _: web.Response(status=503)


def reachable(rig):
    rig.git.answer = None


def wants_basic(rig):
    rig.git.basic = ("ada", "renewed")


def wants_bearer(rig):
    rig.git.bearer = "renewed"


def open_again(rig):
    rig.git.basic, rig.git.bearer = None, ""


def without_branch(rig):
    rig.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/other")
    rig.repo.git("update-ref", "-d", "refs/heads/main", cwd=rig.repo.bare)


def with_branch(rig):
    rig.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")


FAULTS = {
    "answers 503": Fault(("127.0.0.1", "503", "log"), unreachable, reachable),
    "wants credentials": Fault(("127.0.0.1", "401", "spec.secretRef"), wants_basic, open_again),
    "rejects a password": Fault(
        ("127.0.0.1", "rejects the credentials", "renew"),
        wants_basic,
        open_again,
        {"username": "ada", "password": SECRETS[0]},
    ),
    "rejects a token": Fault(
        ("127.0.0.1", "rejects the credentials", "renew"),
        wants_bearer,
        open_again,
        {"bearerToken": SECRETS[1]},
    ),
    "has no branch": Fault(("branch 'main'", "push it", "spec.ref"), without_branch, with_branch),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_of_the_origin_is_named_keeps_the_artifact_and_goes_with_its_cause(rig, name):
    fault = FAULTS[name]
    rig.repo.commit({"a": "1"})
    spec = {}
    if fault.secret:
        rig.secret("git", **fault.secret)
        spec = {"secretRef": {"name": "git"}}
    rig.service.start()
    rig.declare(interval="500ms", **spec)
    await rig.wait()
    artifact = rig.artifact()
    fault.breaks(rig)
    failed = await rig.wait(status="False", reason="GitOperationFailed")
    for word in fault.words:
        assert word in failed["message"]
    assert rig.artifact() == artifact
    fault.mends(rig)
    await rig.wait()
    told = [item.payload for item in await rig.events()]
    assert [event["reason"] for event in told][-2:] == ["GitOperationFailed", "Succeeded"]
    assert told[-2]["message"] == failed["message"]
    shown = rig.kubectl.run("get", "events", "-o", "json").stdout
    everything = f"{rig.service.log} {told} {rig.get()} {shown}"
    assert not [one for one in SECRETS if one in everything]


async def test_a_password_in_the_address_is_refused_and_shown_nowhere(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare(url=rig.git.url().replace("://", f"://ada:{SECRETS[2]}@"))
    stalled = await rig.wait("Stalled", reason="URLInvalid")
    assert "secretRef" in stalled["message"]
    rig.declare()
    await rig.wait()

    async def told():
        return [item.payload for item in await rig.events()]

    assert await until(told, "events")
    found = rig.get()
    shown = f"{found['status']} {await told()} {rig.service.log}"
    assert SECRETS[2] not in shown + rig.kubectl.run("get", "events", "-o", "json").stdout
