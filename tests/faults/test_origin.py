"""
The origin is away, silent, broken or emptied, and what takes the events is: nothing is lost.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from tests.faults.eventually import eventually
from tests.faults.rig import Rig
from tests.faults.workload.journal import Commit
from tests.faults.workload.layout import BASE
from tests.fixtures.nats import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

HURT = 8.0  # seconds that a fault lasts: more than one interval of the source
FLAPS = 4
BACK = (3, 5)  # by how many commits a branch goes back; one more is made before that
GROUP = "kustomize.toolkit.fluxcd.io"


@contextlib.asynccontextmanager
async def refusing(rig: Rig) -> AsyncIterator[None]:
    await rig.system.git.proxy.refuse()
    try:
        yield
    finally:
        await rig.system.git.proxy.listen()


@contextlib.asynccontextmanager
async def silent(rig: Rig) -> AsyncIterator[None]:
    rig.system.git.proxy.hang()
    try:
        yield
    finally:
        # What hangs is cut, as a server that starts again does.
        rig.system.git.proxy.cut()
        rig.system.git.proxy.resume()


@contextlib.asynccontextmanager
async def slow(rig: Rig) -> AsyncIterator[None]:
    rig.system.git.proxy.delay = 0.5
    try:
        yield
    finally:
        rig.system.git.proxy.delay = 0.0


def truncating(limit: int) -> Callable[[Rig], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def hurt(rig: Rig) -> AsyncIterator[None]:
        rig.system.git.proxy.answer_limit = limit
        rig.system.git.proxy.cut()
        try:
            yield
        finally:
            rig.system.git.proxy.answer_limit = None
            rig.system.git.proxy.cut()

    return hurt


def answering(status: int) -> Callable[[Rig], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def hurt(rig: Rig) -> AsyncIterator[None]:
        rig.system.git.server.answer = lambda _: web.Response(status=status)
        try:
            yield
        finally:
            rig.system.git.server.answer = None

    return hurt


WAYS = {
    "refuses": refusing,
    "is silent": silent,
    "is slow": slow,
    "ends after 50 bytes": truncating(50),
    "ends after 600 bytes": truncating(600),
    "ends after 5,000 bytes": truncating(5000),
    "answers 401": answering(401),
    "answers 500": answering(500),
}


@pytest.mark.parametrize("way", WAYS)
async def test_an_origin_that_fails_for_a_while_changes_nothing_and_is_caught_up_with(
    rig: Rig, way: str
):
    async with rig.workload.running(), WAYS[way](rig):
        await asyncio.sleep(HURT)
    await rig.judged()


async def test_an_origin_that_comes_and_goes_is_followed(rig: Rig):
    async with rig.workload.running():
        for _ in range(FLAPS):
            async with refusing(rig):
                await asyncio.sleep(1)
            await asyncio.sleep(1)
    await rig.judged()


async def test_a_history_that_is_written_anew_is_followed(rig: Rig):
    async with rig.workload.running():
        await asyncio.sleep(2)
    repo = rig.system.git.repo
    await asyncio.to_thread(repo.git, "checkout", "--quiet", "--orphan", "anew")
    await rig.workload.commit(sorted(rig.workload.slots)[:3])
    await asyncio.to_thread(repo.git, "branch", "--quiet", "--force", repo.branch, "anew")
    await asyncio.to_thread(repo.git, "checkout", "--quiet", repo.branch)
    async with rig.workload.running():
        await asyncio.sleep(2)
    await rig.judged()


async def test_a_branch_that_goes_back_to_older_commits_is_followed_there(rig: Rig):
    async with rig.workload.running():
        for count in BACK:
            await committed(rig, count + 1)
            await rig.workload.rewind(count)
        await committed(rig, 1)
    await rig.judged()
    before, made = rig.workload.journal.latest, await rig.workload.rewind(BACK[-1])
    assert made.files != before.files
    await rig.judged()
    await rig.workload.settle()  # that commit may have been a broken one
    await rig.judged()


async def committed(rig: Rig, count: int) -> None:
    """
    Wait until the workload has made so many commits more.
    """
    commits = rig.workload.journal.commits
    enough = len(commits) + count

    async def there() -> bool:
        return len(commits) >= enough

    await eventually(f"{count} commits", there)


async def ready_false(rig: Rig, reason: str, *, kind: str, group: str, name: str) -> None:
    resource = await rig.system.kube.resource(group, kind)

    async def said() -> bool:
        found = await rig.system.kube.get(resource, "flux-system", name) or {}
        conditions = found.get("status", {}).get("conditions", [])
        return any(
            one["type"] == "Ready" and one["status"] == "False" and one["reason"] == reason
            for one in conditions
        )

    await until(said, within=30)


async def emptied(
    rig: Rig, folders: frozenset[str], instead: dict[str, str | bytes | None]
) -> None:
    """
    Remove the files of some folders; what they declared has to stay, and they must say why.
    """
    repo, journal = rig.system.git.repo, rig.workload.journal
    here = [path for path in rig.workload._present if path.partition("/")[0] in folders]
    repo.write(dict.fromkeys(here) | instead)
    repo.git("add", "-A")
    repo.git("commit", "--quiet", "-m", "Empty it")
    last = journal.latest
    journal.add(
        Commit(
            number=last.number + 1,
            at=time.time(),
            sha=repo.git("rev-parse", "HEAD"),
            files=last.files,
            broken=folders,
        )
    )
    await asyncio.to_thread(repo.git, "push", "--quiet", "origin", f"HEAD:{repo.branch}")


async def whole_again(rig: Rig) -> None:
    """
    Commit all that was there.
    """
    await rig.workload.commit(sorted(rig.workload._present))


async def test_a_repository_that_is_emptied_prunes_nothing(rig: Rig):
    folders = frozenset(path.partition("/")[0] for path in rig.workload._present)
    await emptied(rig, folders, {})
    # A folder that is gone with its files is a path that is not there; the others wait for it.
    await ready_false(rig, "BuildFailed", kind="Kustomization", group=GROUP, name=BASE)
    await whole_again(rig)
    await rig.judged()


async def test_a_folder_without_manifests_prunes_nothing(rig: Rig):
    await emptied(rig, frozenset({"infra-0"}), {"infra-0/README.md": "empty\n"})
    await ready_false(rig, "EmptyDesiredState", kind="Kustomization", group=GROUP, name="infra-0")
    await whole_again(rig)
    await rig.judged()


async def test_a_branch_that_is_deleted_prunes_nothing(rig: Rig):
    repo = rig.system.git.repo
    # Its server refuses to do that for a client, as it is the branch that HEAD names.
    refs = ("--git-dir", str(repo.bare), "update-ref")
    repo.git(*refs, "refs/heads/other", f"refs/heads/{repo.branch}")
    repo.git(*refs, "-d", f"refs/heads/{repo.branch}")
    await ready_false(
        rig,
        "GitOperationFailed",
        kind="GitRepository",
        group="source.toolkit.fluxcd.io",
        name="faults",
    )
    await whole_again(rig)
    await rig.judged()


@pytest.mark.parametrize("answer", [500, 429])
async def test_a_provider_that_fails_for_a_while_gets_every_event_later(rig: Rig, answer: int):
    async with rig.workload.running():
        rig.system.sinks.answers["plain"] = answer
        await asyncio.sleep(HURT)
        before = sum(one.sink == "signed" for one in rig.system.sinks.received)
        rig.system.sinks.answers.pop("plain")
    assert before > 0
    await rig.judged()


async def test_a_network_without_providers_is_outlived(rig: Rig):
    async with rig.workload.running():
        await rig.system.sinks.proxy.refuse()
        await asyncio.sleep(HURT / 2)
        await rig.system.sinks.proxy.listen()
        rig.system.sinks.proxy.hang()
        await asyncio.sleep(HURT / 2)
        rig.system.sinks.proxy.cut()
        rig.system.sinks.proxy.resume()
    await rig.judged()
