"""A Git origin over real workers, and questions to it."""

import pytest

from services.source.adapters.origin import GitOrigin
from services.source.adapters.workers import Workers
from services.source.core.checkout import Question
from services.source.core.credentials import Credentials
from services.source.core.location import Location
from services.source.core.reference import Reference
from shared.runtime.addresses import AddressPolicy
from tests.fixtures.git import GitRepo, git_http


@pytest.fixture
async def workers(tmp_path):
    pool = Workers(2, tmp_path / "workers")
    await pool.start()
    yield pool
    await pool.close()
    assert list((tmp_path / "workers").iterdir()) == [], "a fetch left files behind"


@pytest.fixture
def origin(workers):
    return GitOrigin(workers, AddressPolicy(["127.0.0.0/8"]))


@pytest.fixture
def repo(tmp_path):
    return GitRepo(tmp_path / "git")


@pytest.fixture
async def server(repo):
    async with git_http(repo.root) as running:
        yield running


@pytest.fixture
def ask():
    def make(url, *, known="", ignore="", timeout=20.0, credentials=None, **ref):
        return Question(
            location=Location.parse(url),
            reference=Reference(**(ref or {"branch": "main"})),
            ignore=ignore,
            known=known,
            timeout=timeout,
            credentials=credentials or Credentials(),
        )

    return make
