"""What others write, by mistake or on purpose, must not stop the reconciler for everybody."""

import json

from tests.fixtures.reconciler import REPO, config


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
