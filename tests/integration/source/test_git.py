"""Fetching from real Git servers over HTTP."""

import os
import resource

import pytest

from services.source.adapters.origin import GitOrigin
from services.source.adapters.workers import Workers
from services.source.core.checkout import Checkout, Unchanged
from services.source.core.credentials import Credentials
from shared.artifact import decode_index, unpack
from shared.errors import TransientError
from shared.model import Revision
from shared.runtime.addresses import AddressPolicy
from tests.fixtures.git import GitRepo, git_http, many_files, proxy


def files(checkout):
    return {path: file.data for path, file in unpack(checkout.archive).files.items()}


@pytest.mark.parametrize(
    ("ref", "pointer"),
    [
        ({"branch": "main"}, "main@"),
        ({"tag": "v1.0.0"}, "v1.0.0@"),
        ({"tag": "light"}, "light@"),
        ({"semver": "1.x"}, "v1.0.0@"),
        ({"name": "refs/heads/main"}, "refs/heads/main@"),
        ({"name": "refs/tags/v1.0.0"}, "refs/tags/v1.0.0@"),
        ({"name": "HEAD"}, "HEAD@"),
        ({"commit": "SHA"}, ""),
        ({"commit": "SHA", "branch": "main"}, "main@"),
    ],
)
async def test_every_kind_of_reference_is_fetched(origin, repo, server, ask, ref, pointer):
    sha = repo.commit({"a.yaml": "a: 1\n"}, message="Begin\n\nAnd more")
    repo.tag("v1.0.0", annotated=True)
    repo.tag("light")
    ref = {key: sha if value == "SHA" else value for key, value in ref.items()}
    found = await origin.look(ask(server.url(), **ref))
    assert isinstance(found, Checkout)
    assert str(found.revision) == f"{pointer}sha1:{sha}"
    assert files(found) == {"a.yaml": b"a: 1\n"}
    assert found.subject == "Begin"
    assert found.digest.matches(found.archive)
    assert list(decode_index(found.index)) == ["a.yaml"]


async def test_the_highest_version_is_taken_among_many_tags(origin, repo, server, ask):
    for number in range(12):
        sha = repo.commit({"n": str(number)})
        repo.tag(f"v1.{number}.0", annotated=bool(number % 2))
    repo.commit({"n": "rc"})
    repo.tag("v2.0.0-rc.1")
    found = await origin.look(ask(server.url(), semver=">=1.0"))
    assert str(found.revision) == f"v1.11.0@sha1:{sha}"


async def test_an_origin_that_did_not_move_is_asked_for_one_ref_only(origin, repo, server, ask):
    repo.commit({"a": "1"})
    found = await origin.look(ask(server.url()))
    server.requests.clear()
    again = await origin.look(ask(server.url(), known=str(found.revision)))
    assert again == Unchanged(revision=str(found.revision))
    assert server.requests == [
        "GET /repo.git/info/refs?service=git-upload-pack",
        "POST /repo.git/git-upload-pack",
    ]


async def test_only_one_commit_of_a_long_history_is_sent(origin, repo, server, ask):
    for number in range(5):
        repo.commit({"big.bin": os.urandom(200_000), "n": str(number)})
    async with proxy(server.port) as counted:
        assert isinstance(await origin.look(ask(counted.url)), Checkout)
    # One version of the large file, not five.
    assert 200_000 < counted.sent < 300_000


async def test_a_forced_push_and_a_way_back_are_followed(origin, repo, server, ask):
    first = repo.commit({"a": "1"})
    repo.commit({"a": "2"})
    repo.git("reset", "--quiet", "--hard", first)
    forced = repo.commit({"a": "3"})
    found = await origin.look(ask(server.url()))
    assert found.revision.hex == forced
    repo.git("push", "--quiet", "--force", "origin", f"{first}:refs/heads/main")
    back = await origin.look(ask(server.url(), known=str(found.revision)))
    assert back.revision.hex == first


async def test_a_way_back_leaves_a_commit_behind_and_a_merge_does_not(origin, repo, server, ask):
    first = repo.commit({"a": "1"})
    second = repo.commit({"a": "2"})
    repo.git("checkout", "--quiet", "-b", "side", first)
    repo.commit({"b": "1"})
    repo.git("merge", "--quiet", "-m", "Merge", second)
    merged = repo.commit({"c": "1"})

    def at(sha):
        return Revision(pointer="main", algo="sha1", hex=sha)

    assert await origin.descends(ask(server.url(), known=str(at(second))), at(merged))
    repo.git("push", "--quiet", "--force", "origin", f"{first}:refs/heads/main")
    assert not await origin.descends(ask(server.url(), known=str(at(merged))), at(first))


async def test_a_commit_without_files_is_an_artifact_without_files(origin, repo, server, ask):
    repo.commit({"a": "1"})
    repo.commit({"a": None})
    assert files(await origin.look(ask(server.url()))) == {}


async def test_an_empty_repository_says_so(origin, repo, server, ask):
    with pytest.raises(TransientError, match="git repository is empty") as caught:
        await origin.look(ask(server.url()))
    assert caught.value.reason == "EmptyGitRepository"


async def test_a_deleted_branch_is_an_error_and_not_an_empty_tree(origin, repo, server, ask):
    repo.commit({"a": "1"})
    repo.git("push", "--quiet", "origin", "HEAD:refs/heads/other")
    repo.git("update-ref", "-d", "refs/heads/main", cwd=repo.bare)
    with pytest.raises(TransientError, match="branch 'main' does not exist") as caught:
        await origin.look(ask(server.url()))
    assert caught.value.reason == "GitOperationFailed"


async def test_an_older_commit_is_found_by_its_id_and_an_unknown_one_is_named(
    origin, repo, server, ask
):
    old = repo.commit({"a": "1"})
    repo.commit({"a": "2"})
    found = await origin.look(ask(server.url(), commit=old))
    assert files(found) == {"a": b"1"}
    with pytest.raises(TransientError, match="1111 is not in the repository"):
        await origin.look(ask(server.url(), commit="1" * 40))


async def test_links_submodules_and_git_files_are_left_out_and_modes_reduced(
    origin, repo, server, ask
):
    repo.write({"run.sh": "#!/bin/sh\n", "a.yaml": "a: 1\n", ".gitattributes": "* text\n"})
    (repo.work / "run.sh").chmod(0o755)
    (repo.work / "link").symlink_to("/etc/passwd")
    (repo.work / "dirlink").symlink_to("..")
    repo.commit()
    sha = repo.git("rev-parse", "HEAD")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{sha},module")
    repo.git("commit", "--quiet", "-m", "A submodule")
    repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    found = await origin.look(ask(server.url()))
    tree = unpack(found.archive).files
    assert sorted(tree) == ["a.yaml", "run.sh"]
    assert tree["run.sh"].executable
    assert not tree["a.yaml"].executable


async def test_ignore_files_of_the_tree_and_of_the_declaration_are_obeyed(
    origin, repo, server, ask
):
    repo.commit(
        {
            ".sourceignore": "*.md\n",
            "README.md": "x",
            "deploy/.sourceignore": "/local.yaml\n",
            "deploy/local.yaml": "x",
            "deploy/app.yaml": "x",
            "local.yaml": "x",
            "pic.png": "x",
        }
    )
    found = await origin.look(ask(server.url(), ignore="local.yaml\n!/local.yaml"))
    kept = {".sourceignore", "deploy/.sourceignore", "deploy/app.yaml", "local.yaml", "pic.png"}
    assert set(files(found)) == kept


async def test_the_same_tree_makes_the_same_bytes(origin, repo, server, ask):
    repo.commit({"b/c.yaml": "1", "a.yaml": "2"})
    one = await origin.look(ask(server.url()))
    repo.commit({}, message="Nothing changed")
    two = await origin.look(ask(server.url()))
    assert one.revision != two.revision
    assert (one.digest, one.index_digest) == (two.digest, two.index_digest)


async def test_a_repository_with_long_ids_is_fetched(origin, tmp_path, ask):
    repo = GitRepo(tmp_path / "git256", object_format="sha256")
    sha = repo.commit({"a": "1"})
    async with git_http(repo.root) as server:
        found = await origin.look(ask(server.url()))
    assert str(found.revision) == f"main@sha256:{sha}"
    assert files(found) == {"a": b"1"}


async def test_five_thousand_files_are_fetched_in_time(origin, repo, server, ask):
    repo.commit(many_files(5000))
    found = await origin.look(ask(server.url(), timeout=20))
    assert found.files == 5000


async def test_a_tree_over_the_limit_is_refused_in_plain_words(origin, repo, server, ask):
    repo.commit({"big.bin": bytes(17 << 20)})
    with pytest.raises(TransientError, match=r"'big.bin' has more than 16 MiB") as caught:
        await origin.look(ask(server.url()))
    assert caught.value.reason == "ArchiveOperationFailed"
    # Left out, it does not count.
    assert isinstance(await origin.look(ask(server.url(), ignore="*.bin")), Checkout)


async def test_a_tree_that_names_itself_without_end_is_refused(origin, repo, server, ask):
    blob = repo.git("hash-object", "-w", "--stdin", stdin="x")
    tree = repo.git("mktree", stdin=f"100644 blob {blob}\ta\n")
    for _ in range(12):
        tree = repo.git("mktree", stdin="".join(f"040000 tree {tree}\td{n}\n" for n in range(10)))
    commit = repo.git("commit-tree", "-m", "bomb", tree)
    repo.git("push", "--quiet", "origin", f"{commit}:refs/heads/main")
    with pytest.raises(TransientError, match="more than 500000 entries"):
        await origin.look(ask(server.url(), timeout=60))


async def test_a_worker_serves_again_whatever_the_service_held_before_it_started_it(
    tmp_path, repo, server, ask
):
    once = b"x" * (128 << 20)
    del once
    pool = Workers(1, tmp_path / "workers")
    await pool.start()
    try:
        origin, served = GitOrigin(pool, AddressPolicy(["127.0.0.0/8"])), []
        for number in range(3):
            repo.commit({"a": str(number)})
            assert isinstance(await origin.look(ask(server.url())), Checkout)
            served += [worker.process.pid for worker in pool._all]
    finally:
        await pool.close()
    assert len(set(served)) == 1


async def test_a_bomb_costs_its_worker_and_not_the_service(origin, repo, server, ask):
    # 1 GiB of zeros in one blob of 1 MiB.
    path = repo.work / "bomb.bin"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    repo.commit()
    with pytest.raises(TransientError, match=r"make (the repository|it) smaller|more than 16 MiB"):
        await origin.look(ask(server.url(), timeout=60))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 600 * 1024
    repo.commit({"bomb.bin": None, "a": "1"})
    assert isinstance(await origin.look(ask(server.url())), Checkout)


async def test_basic_credentials_are_shown_and_their_absence_or_staleness_is_told(
    origin, repo, server, ask
):
    repo.commit({"a": "1"})
    server.basic = ("ada", "s3cr\u00e9t")
    good = Credentials(username="ada", password="s3cr\u00e9t")
    assert isinstance(await origin.look(ask(server.url(), credentials=good)), Checkout)
    with pytest.raises(TransientError, match="wants credentials") as none:
        await origin.look(ask(server.url()))
    assert "spec.secretRef" in none.value.message
    stale = Credentials(username="ada", password="hunter2")
    with pytest.raises(TransientError, match="rejects the credentials") as wrong:
        await origin.look(ask(server.url(), credentials=stale))
    assert wrong.value.reason == "GitOperationFailed"
    assert "hunter2" not in wrong.value.message


async def test_a_bearer_token_is_shown(origin, repo, server, ask):
    repo.commit({"a": "1"})
    server.bearer = "t0ken"
    good = Credentials(bearer="t0ken")
    assert isinstance(await origin.look(ask(server.url(), credentials=good)), Checkout)
    with pytest.raises(TransientError, match="401"):
        await origin.look(ask(server.url(), credentials=Credentials(bearer="old")))
