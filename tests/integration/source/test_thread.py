"""A declared source becomes an artifact that everybody can read."""

from shared.artifact import unpack
from shared.model import Digest


async def test_a_declared_source_becomes_ready_with_an_artifact_in_the_store(rig):
    commit = rig.repo.commit({"app/a.yaml": "a: 1\n", "pic.png": "x"}, message="First one")
    rig.service.start()
    rig.declare()
    ready = await rig.wait()
    assert ready["reason"] == "Succeeded"
    assert ready["message"] == f"stored artifact for revision 'main@sha1:{commit}'"
    artifact = rig.artifact()
    data = await rig.bus.objects.get(Digest.parse(artifact["digest"]), limit=1 << 20)
    assert dict(unpack(data).files)["app/a.yaml"].data == b"a: 1\n"
    told = await rig.announced()
    assert told is not None
    assert (told.revision, told.digest) == (artifact["revision"], artifact["digest"])
    assert str(told.sequence) == artifact["metadata"]["setpoint.dev/sequence"]
