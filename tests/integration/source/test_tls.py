"""https with certificates of an issuer that nobody knows."""

import pytest

from services.source.core.checkout import Checkout
from services.source.core.credentials import Credentials
from shared.errors import TransientError
from tests.fixtures.git import git_http, tls_server


async def test_the_issuers_certificate_in_the_secret_makes_the_server_trusted(
    origin, repo, ask, tmp_path
):
    repo.commit({"a": "1"})
    context, issuer = tls_server(tmp_path, "127.0.0.1")
    async with git_http(repo.root, tls=context) as server:
        with pytest.raises(TransientError, match=r"TLS: .*self.signed.*ca\.crt"):
            await origin.look(ask(server.url()))
        found = await origin.look(ask(server.url(), credentials=Credentials(ca=issuer)))
    assert isinstance(found, Checkout)


async def test_a_certificate_for_another_host_is_refused(origin, repo, ask, tmp_path):
    repo.commit({"a": "1"})
    context, issuer = tls_server(tmp_path, "127.0.0.2")
    async with git_http(repo.root, tls=context) as server:
        with pytest.raises(TransientError, match="TLS: "):
            await origin.look(ask(server.url(), credentials=Credentials(ca=issuer)))
