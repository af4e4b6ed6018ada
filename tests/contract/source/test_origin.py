"""The port Origin: what the service relies on, of the fake and of the real one."""

import pytest

from services.source.adapters.origin import GitOrigin
from services.source.adapters.workers import Workers
from services.source.core.checkout import Checkout, Question, Unchanged
from services.source.core.location import Location
from services.source.core.reference import Reference
from shared.artifact import unpack
from shared.errors import TransientError
from shared.model import Revision
from shared.runtime.addresses import AddressPolicy
from tests.fakes.source.ports import FakeOrigin, checkout
from tests.fixtures.git import GitRepo, git_http


class Fake(FakeOrigin):
    url = "http://example.com/repo.git"
    _count = 0

    def commit(self, files):
        self._count += 1
        self.history.append(self.head.revision.hex)
        self.head = checkout(files, f"{self._count:040x}")
        return self.head.revision.hex

    def rewrite(self, files):
        sha = self.commit(files)
        self.history.clear()
        return sha

    def vanish(self):
        self.error = TransientError("gone", reason="GitOperationFailed")


class Real(GitOrigin):
    def __init__(self, workers, repo, server):
        super().__init__(workers, AddressPolicy(["127.0.0.0/8"]))
        self._repo = repo
        self.url = server.url()

    def commit(self, files):
        return self._repo.commit(files)

    def rewrite(self, files):
        self._repo.git("reset", "--quiet", "--hard", "HEAD~1")
        return self._repo.commit(files)

    def vanish(self):
        self._repo.bare.rename(self._repo.bare.with_suffix(".away"))


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
async def real(tmp_path):
    workers = Workers(1, tmp_path / "workers")
    await workers.start()
    repo = GitRepo(tmp_path / "git")
    async with git_http(repo.root) as server:
        yield Real(workers, repo, server)
    await workers.close()


@pytest.fixture(params=["fake", "real"])
def origin(request):
    return request.getfixturevalue(request.param)


def question(origin, known=""):
    return Question(
        location=Location.parse(origin.url),
        reference=Reference(branch="main"),
        ignore="",
        known=known,
        timeout=20,
    )


async def test_a_new_head_is_a_checkout_whose_digests_are_of_its_bytes(origin):
    sha = origin.commit({"a": "1"})
    found = await origin.look(question(origin))
    assert isinstance(found, Checkout)
    assert str(found.revision) == f"main@sha1:{sha}"
    assert found.digest.matches(found.archive)
    assert found.index_digest.matches(found.index)
    assert unpack(found.archive).files["a"].data == b"1"


async def test_the_known_head_is_unchanged(origin):
    sha = origin.commit({"a": "1"})
    known = f"main@sha1:{sha}"
    assert await origin.look(question(origin, known)) == Unchanged(revision=known)
    origin.commit({"a": "2"})
    assert isinstance(await origin.look(question(origin, known)), Checkout)


async def test_an_origin_that_is_gone_is_a_failure_to_try_again(origin):
    origin.commit({"a": "1"})
    origin.vanish()
    with pytest.raises(TransientError) as caught:
        await origin.look(question(origin))
    assert caught.value.reason == "GitOperationFailed"


async def test_a_push_that_goes_forward_is_told_from_one_that_leaves_a_commit_behind(origin):
    origin.commit({"a": "1"})
    old = f"main@sha1:{origin.commit({'a': '2'})}"
    origin.commit({"a": "3"})
    forward = origin.commit({"a": "4"})
    head = Revision(pointer="main", algo="sha1", hex=forward)
    assert await origin.descends(question(origin, old), head)
    known = question(origin, str(head))
    forced = Revision(pointer="main", algo="sha1", hex=origin.rewrite({"a": "5"}))
    assert not await origin.descends(known, forced)
