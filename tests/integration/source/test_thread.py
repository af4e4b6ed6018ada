"""The running service: from a declaration to an artifact that everybody can read, and back."""

import asyncio
import signal

from shared.artifact import unpack
from shared.model import Digest
from tests.fixtures.source import until


async def test_a_declared_source_becomes_ready_with_an_artifact_in_the_store(rig):
    commit = rig.repo.commit({"app/a.yaml": "a: 1\n", "pic.png": "x"}, message="First one")
    rig.service.start()
    rig.declare()
    ready = await rig.wait()
    assert ready["reason"] == "Succeeded"
    assert ready["message"] == f"stored artifact for revision 'main@sha1:{commit}'"
    status = rig.get()["status"]
    assert [c["type"] for c in status["conditions"]] == ["Ready", "ArtifactInStorage"]
    assert status["observedGeneration"] == 1
    artifact = status["artifact"]
    assert artifact["path"] == f"gitrepository/{rig.kubectl.namespace}/app/{commit}.tar.gz"
    data = await rig.bus.objects.get(Digest.parse(artifact["digest"]), limit=1 << 20)
    assert unpack(data).files["app/a.yaml"].data == b"a: 1\n"
    assert artifact["size"] == len(data)
    told = await until(rig.announced, "the announcement")
    assert (told.revision, told.digest) == (artifact["revision"], artifact["digest"])
    assert str(told.sequence) == artifact["metadata"]["setpoint.dev/sequence"]
    assert "finalizers.fluxcd.io" in rig.get()["metadata"]["finalizers"]
    event = (await rig.events())[-1].payload
    assert event["reason"] == "NewArtifact"
    assert event["message"] == "stored artifact for commit 'First one'"
    assert event["metadata"]["source.toolkit.fluxcd.io/revision"] == artifact["revision"]


async def test_a_new_commit_is_found_at_the_interval_and_is_one_step_further(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare(interval="500ms")
    await rig.wait()
    before = rig.artifact()
    commit = rig.repo.commit({"a": "2"})
    after = await rig.revision(commit)
    one, two = (int(item["metadata"]["setpoint.dev/sequence"]) for item in (before, after))
    assert two == one + 1
    assert (await until(rig.announced, "the announcement")).sequence in (one, two)


async def test_a_pass_that_finds_nothing_writes_nothing(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare(interval="200ms")
    await rig.wait()
    version = rig.get()["metadata"]["resourceVersion"]
    looks = len(rig.git.requests)
    await until(lambda: len(rig.git.requests) > looks + 8, "more looks")
    assert rig.get()["metadata"]["resourceVersion"] == version


async def test_a_persons_request_is_answered_also_when_there_is_nothing_new(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    commit = rig.repo.commit({"a": "2"})
    rig.annotate("token-1")
    await rig.revision(commit)
    await until(
        lambda: rig.get()["status"].get("lastHandledReconcileAt") == "token-1", "the answer"
    )
    rig.annotate("token-2")
    await until(
        lambda: rig.get()["status"].get("lastHandledReconcileAt") == "token-2", "the answer"
    )
    assert rig.condition("Reconciling") == {}


async def test_a_command_makes_the_source_look_at_once(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    commit = rig.repo.commit({"a": "2"})
    await rig.command("look")
    await rig.revision(commit)


async def test_a_suspended_source_is_not_looked_at_and_answers_requests(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare(suspend=True)
    rig.annotate("asked")
    await until(
        lambda: (rig.get().get("status") or {}).get("lastHandledReconcileAt") == "asked", "answer"
    )
    assert rig.git.requests == []
    rig.declare(suspend=False)
    await rig.wait()


async def test_a_missing_branch_keeps_the_artifact_and_mends_itself(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    artifact = rig.artifact()
    rig.declare(ref={"branch": "later"})
    failed = await rig.wait(status="False")
    assert failed["reason"] == "GitOperationFailed"
    assert failed["message"] == (
        "failed to checkout and determine revision: branch 'later' does not exist in the "
        "repository; push it or change spec.ref.branch"
    )
    assert rig.condition("FetchFailed")["status"] == "True"
    assert rig.condition("Reconciling")["reason"] == "ProgressingWithRetry"
    assert rig.get()["status"]["observedGeneration"] == 1
    assert rig.artifact() == artifact
    rig.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/later")
    await rig.wait()
    assert rig.condition("FetchFailed") == {}
    reasons = [item.payload["reason"] for item in await rig.events()]
    assert reasons == ["NewArtifact", "GitOperationFailed", "Succeeded"]


async def test_rejected_and_missing_credentials_are_told_and_a_mended_secret_is_used(rig):
    rig.repo.commit({"a": "1"})
    rig.git.basic = ("ada", "s3cret")
    rig.service.start()
    rig.declare(secretRef={"name": "git"}, provider="generic")
    missing = await rig.wait(status="False", reason="AuthenticationFailed")
    assert "Secret" in missing["message"]
    rig.secret("git", username="ada", password="hunter2")
    rejected = await rig.wait(status="False", reason="GitOperationFailed")
    assert "rejects the credentials" in rejected["message"]
    rig.secret("git", username="ada", password="s3cret")
    await rig.wait()
    told = [item.model_dump_json() for item in await rig.events()]
    everything = rig.service.log + "".join(told) + str(rig.get())
    assert "hunter2" not in everything
    assert "s3cret" not in everything


async def test_what_is_not_supported_is_refused_by_name_and_the_artifact_stays(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    artifact = rig.artifact()
    rig.declare(recurseSubmodules=True)
    stalled = await rig.wait("Stalled")
    assert stalled["reason"] == "NotSupported"
    assert "spec.recurseSubmodules is not supported" in stalled["message"]
    ready = rig.condition()
    assert (ready["status"], ready["reason"]) == ("False", "NotSupported")
    status = rig.get()["status"]
    assert (status["artifact"], status["observedGeneration"]) == (artifact, 2)
    rig.declare(recurseSubmodules=False)
    await rig.wait()
    assert rig.condition("Stalled") == {}


async def test_another_ignore_list_makes_another_artifact_of_the_same_revision(rig):
    rig.repo.commit({"a.yaml": "1", "b.md": "2"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    before = rig.artifact()
    rig.declare(ignore="*.md")
    after = await until(
        lambda: rig.artifact() if rig.artifact()["digest"] != before["digest"] else {}, "another"
    )
    assert after["revision"] == before["revision"]
    assert int(after["metadata"]["setpoint.dev/sequence"]) == 1 + int(
        before["metadata"]["setpoint.dev/sequence"]
    )
    assert rig.get()["status"]["observedIgnore"] == "*.md"


async def test_a_deleted_source_goes_and_nothing_is_said_of_it_any_more(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    rig.kubectl("delete", "gitrepository", "app", "--timeout=10s")
    assert rig.kubectl.run("get", "gitrepository", "app").returncode == 1


async def test_what_somebody_takes_out_of_the_status_comes_back(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    before = rig.artifact()
    rig.kubectl(
        *("patch", "gitrepository", "app", "--subresource=status", "--type=merge", "-p"),
        '{"status":{"artifact":null}}',
    )
    after = await until(rig.artifact, "the artifact")
    assert after["digest"] == before["digest"]


async def test_the_service_leaves_in_order_and_comes_back_without_a_write(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    assert rig.service.signal(signal.SIGTERM) == 0
    version = rig.get()["metadata"]["resourceVersion"]
    looks = len(rig.git.requests)
    rig.service.start()
    await until(lambda: len(rig.git.requests) > looks, "a look")
    await asyncio.sleep(0.3)
    assert rig.get()["metadata"]["resourceVersion"] == version


async def test_a_push_that_leaves_a_commit_behind_is_told_and_followed(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    forward = rig.repo.commit({"a": "2"})
    await rig.command("look")
    await rig.revision(forward)
    rig.repo.git("reset", "--quiet", "--hard", "HEAD~1")
    forced = rig.repo.commit({"a": "3"})
    await rig.command("look")
    await rig.revision(forced)

    async def told():
        found = [item.payload for item in await rig.events()]
        return [event for event in found if event["reason"] == "HistoryRewritten"]

    [event] = await until(told, "the event")
    assert event["message"].startswith(
        f"the history of main was rewritten: commit {forward} is not among those before {forced}"
    )
    rig.repo.git("reset", "--quiet", "--hard", "HEAD~1")
    last = rig.repo.commit({"a": "4"})
    rig.declare(url=rig.git.url() + "/")  # another address is no push, whatever is there
    await rig.revision(last)
    found = [event["message"] for event in await told()]
    assert len(found) == 1, [*found, rig.service.log]


async def test_a_head_that_swings_between_two_commits_makes_no_more_than_two_artifacts(rig):
    first = rig.repo.commit({"a": "1"})
    second = rig.repo.commit({"a": "2"})
    rig.service.start()
    rig.declare()
    await rig.revision(second)
    sequences = [int(rig.artifact()["metadata"]["setpoint.dev/sequence"])]
    for head in (first, second, first, second):
        rig.repo.git("push", "--quiet", "--force", "origin", f"{head}:refs/heads/main")
        await rig.command("look")
        found = await rig.revision(head)
        sequences.append(int(found["metadata"]["setpoint.dev/sequence"]))
    assert sequences == list(range(sequences[0], sequences[0] + 5))
    assert len({name.removesuffix(".index") for name in await rig.bus.objects.names()}) == 2
    words = [item async for item in rig.bus.read("REVISIONS", "revisions.>")]
    assert len(words) == 1


async def test_the_artifact_of_a_suspended_source_is_published_again_without_a_look(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    digest = Digest.parse(rig.artifact()["digest"])
    rig.declare(suspend=True)
    rig.annotate("suspended")
    await until(
        lambda: rig.get()["status"].get("lastHandledReconcileAt") == "suspended", "the answer"
    )
    looks = len(rig.git.requests)
    await rig.bus.objects.delete(digest)
    await rig.command("republish")
    await until(lambda: rig.bus.objects.exists(digest), "the artifact")
    assert len(rig.git.requests) == looks
    assert rig.condition()["status"] == "True"


async def test_an_artifact_that_is_lost_while_the_source_is_suspended_is_told_with_the_way_out(rig):
    rig.repo.commit({"a": "1"})
    rig.service.start()
    rig.declare()
    await rig.wait()
    artifact = rig.artifact()
    rig.declare(suspend=True)
    for file in (rig.service.data_dir / "artifacts").iterdir():
        file.unlink()
    await rig.bus.objects.delete(Digest.parse(artifact["digest"]))
    await rig.command("republish")
    lost = await rig.wait(status="False", reason="StorageOperationFailed")
    assert "setpoint resume source git app" in lost["message"]
    assert rig.condition("Reconciling") == {}
    assert rig.artifact() == artifact
    rig.declare(suspend=False)
    await rig.wait()
    assert await rig.bus.objects.exists(Digest.parse(artifact["digest"]))
