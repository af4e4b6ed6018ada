"""
The origin's name is unknown, or it is not shown to be who it says: nothing is lost meanwhile.
"""

import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.eventually import eventually
from tests.faults.oracle.events import corrected
from tests.faults.rig import Rig, rigged
from tests.faults.system.certificates import Authority, server_context
from tests.faults.system.declared import NAMESPACE, SOURCE, secret, source
from tests.faults.system.resolver import FAILED, UNKNOWN, Resolver, resolver
from tests.fixtures.git import git_http

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

HOST = "git.faults.test"
TRUST = "trust"  # the Secret with the issuer's certificate
NAMESPACED = Path(__file__).parent / "system" / "namespace"


@dataclass(kw_only=True)
class Origin:
    """
    A Git server with a name and a certificate; ``good`` is the one that is trusted.
    """

    rig: Rig
    names: Resolver
    tls: ssl.SSLContext
    folder: Path
    good: Authority

    def show(self, authority: Authority, host: str = HOST, *, days: int = 2) -> None:
        """
        Show next clients another certificate.
        """
        self.tls.load_cert_chain(*authority.issue(host, days=days))

    async def trust(self, authority: Authority) -> None:
        self.good = authority
        await self.rig.system.apply(secret(TRUST, **{"ca.crt": authority.certificate}))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Origin]:
    """
    Give a converged system whose source asks our name server and speaks TLS.
    """
    folder = tmp_path_factory.mktemp("names")
    resolv_conf = folder / "resolv.conf"
    environment = {"PYTHONPATH": str(NAMESPACED), "FAULTS_RESOLV_CONF": str(resolv_conf)}
    good = Authority(folder / "good")
    tls = server_context(good.issue(HOST))
    async with (
        resolver(resolv_conf) as names,
        rigged(tmp_path_factory.mktemp("faults"), environment={"source": environment}) as rig,
        git_http(rig.system.git.server.root, tls=tls) as server,
    ):
        found = Origin(rig=rig, names=names, tls=tls, folder=folder, good=good)
        await found.trust(good)
        declared = source(server.url().replace("127.0.0.1", HOST), "2s")
        declared["spec"]["secretRef"] = {"name": TRUST}
        await rig.system.apply(declared)
        await rig.workload.commit([])
        await rig.judged()
        assert names.asked
        yield found


async def said_and_healed(rig: Rig, words: str) -> None:
    """
    Wait until the source's status names what is wrong, and drift is still made good.
    """
    resource = await rig.system.kube.resource("source.toolkit.fluxcd.io", "GitRepository")

    async def says() -> bool:
        found = await rig.system.kube.get(resource, NAMESPACE, SOURCE) or {}
        ready = [one for one in found["status"].get("conditions", []) if one["type"] == "Ready"]
        return any(one["status"] == "False" and words in one["message"] for one in ready)

    async def heals() -> bool:
        found = corrected(rig.oracle.record, rig.workload.journal)
        return any(one.hurt > since for one in found)

    await eventually(words, says)
    since = time.time()
    await eventually("drift is healed", heals)


@pytest.mark.parametrize(
    ("code", "silent"),
    [(UNKNOWN, False), (FAILED, False), (0, True)],
    ids=["is unknown", "cannot be told", "is not answered for"],
)
async def test_an_origin_whose_name_is_lost_for_a_while_is_found_again(
    origin: Origin, code: int, *, silent: bool
):
    origin.names.code, origin.names.silent = code, silent
    try:
        async with origin.rig.workload.running():
            await said_and_healed(origin.rig, "the host name cannot be resolved")
    finally:
        origin.names.code, origin.names.silent = 0, False
    await origin.rig.judged()


@pytest.mark.parametrize(
    ("host", "days", "words"),
    [
        (HOST, -1, "TLS: certificate has expired"),
        ("other.faults.test", 2, f"TLS: Hostname mismatch, certificate is not valid for '{HOST}'"),
    ],
    ids=["has expired", "is another host's"],
)
async def test_a_certificate_that_is_not_good_is_refused_until_it_is(
    origin: Origin, host: str, days: int, words: str
):
    origin.show(origin.good, host, days=days)
    async with origin.rig.workload.running():
        await said_and_healed(origin.rig, words)
    origin.show(origin.good)
    await origin.rig.judged()


async def test_a_certificate_of_an_issuer_that_becomes_known_is_accepted_without_a_restart(
    origin: Origin,
):
    new = Authority(origin.folder / "new")
    origin.show(new)
    async with origin.rig.workload.running():
        await said_and_healed(origin.rig, "TLS: unable to get local issuer certificate")
        await origin.trust(new)
    await origin.rig.judged()
