"""Fetching from a real ssh server."""

import asyncssh
import pytest

from services.source.core.checkout import Checkout, Unchanged
from services.source.core.credentials import Credentials
from shared.errors import TransientError
from tests.fixtures.git import git_ssh


@pytest.fixture
async def server(repo):
    async with git_ssh(repo.root) as running:
        yield running


def credentials(server, **changes):
    fields = {"identity": server.identity, "known_hosts": server.known_hosts + "\n"}
    return Credentials(**fields | changes)


@pytest.mark.parametrize("ref", [{"branch": "main"}, {"tag": "v1.0.0"}, {"semver": "1.x"}])
async def test_a_key_and_the_known_host_open_the_repository(origin, repo, server, ask, ref):
    sha = repo.commit({"a.yaml": "a: 1\n"})
    repo.tag("v1.0.0", annotated=True)
    found = await origin.look(ask(server.url(), credentials=credentials(server), **ref))
    assert isinstance(found, Checkout)
    assert found.revision.hex == sha
    again = ask(server.url(), credentials=credentials(server), known=str(found.revision), **ref)
    assert isinstance(await origin.look(again), Unchanged)


async def test_another_host_key_is_refused(origin, repo, server, ask):
    repo.commit({"a": "1"})
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    wrong = credentials(server, known_hosts=f"[127.0.0.1]:{server.port} {other}")
    with pytest.raises(TransientError, match="not the one in known_hosts"):
        await origin.look(ask(server.url(), credentials=wrong))


async def test_an_unknown_host_is_refused(origin, repo, server, ask):
    repo.commit({"a": "1"})
    unknown = credentials(server, known_hosts=f"example.com {server.host_key}\n")
    with pytest.raises(TransientError, match="not the one in known_hosts"):
        await origin.look(ask(server.url(), credentials=unknown))


async def test_another_key_is_refused_without_showing_it(origin, repo, server, ask):
    repo.commit({"a": "1"})
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key("openssh").decode()
    with pytest.raises(TransientError, match="does not accept the key") as caught:
        await origin.look(ask(server.url(), credentials=credentials(server, identity=key)))
    assert key.splitlines()[1] not in caught.value.message


async def test_what_is_no_key_is_told_so(origin, repo, server, ask):
    repo.commit({"a": "1"})
    with pytest.raises(TransientError, match="identity"):
        await origin.look(ask(server.url(), credentials=credentials(server, identity="nonsense\n")))


async def test_a_passphrase_opens_an_encrypted_key(origin, repo, ask):
    repo.commit({"a": "1"})
    async with git_ssh(repo.root, passphrase="open sesame") as server:
        good = credentials(server, passphrase="open sesame")
        assert isinstance(await origin.look(ask(server.url(), credentials=good)), Checkout)
        wrong = credentials(server, passphrase="hunter2")
        with pytest.raises(TransientError, match="'password' does not open") as caught:
            await origin.look(ask(server.url(), credentials=wrong))
        assert "hunter2" not in caught.value.message


async def test_a_repository_that_is_not_there_is_named(origin, repo, server, ask):
    with pytest.raises(TransientError, match="repository not found"):
        await origin.look(ask(server.url("nope.git"), credentials=credentials(server)))
