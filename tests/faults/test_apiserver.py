"""
The API server restarts, is slow, refuses, forgets, falls silent, and is fought for.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from shared.kube.lease import LEASES
from tests.faults.eventually import eventually
from tests.faults.rig import Rig, rigged
from tests.faults.system.declared import NAMESPACE
from tests.faults.system.services import Service
from tests.fixtures.api_proxy import (
    Answer,
    ApiProxy,
    Delay,
    Fault,
    Hang,
    LoseAnswer,
    Pages,
    Seen,
    Silence,
    status,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

CALM = 2.0  # seconds of load before a fault, and after it
ALWAYS = 10**9
SILENT = 90.0  # seconds after which a watch that says nothing is not trusted any more
WRITES = frozenset({"PATCH", "POST", "PUT", "DELETE"})
STORM = 20.0  # requests a second while the API server refuses all


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """
    Give a converged system that reaches its API server through a proxy that knows requests.
    """
    async with rigged(tmp_path_factory.mktemp("faults"), api="http") as found:
        yield found


async def test_a_restart_of_the_api_server_is_borne(rig: Rig):
    async with rig.workload.running():
        await asyncio.sleep(CALM)
        await rig.system.stop_cluster()
        await asyncio.sleep(5)
        await rig.system.start_cluster()
        await asyncio.sleep(CALM)
    await rig.judged()


async def test_two_seconds_for_each_request_make_it_slow_and_not_wrong(rig: Rig):
    async with _hurt(rig, Delay(2.0), _any):
        await asyncio.sleep(12)
    await rig.judged()


async def test_a_storm_of_429_is_answered_with_fewer_requests(rig: Rig):
    refusal = status(429, "TooManyRequests", "too many requests", retryAfterSeconds=2)
    storm = Answer(status=429, body=refusal, headers={"Retry-After": "2"})
    async with _hurt(rig, storm, _any):
        await asyncio.sleep(3)
        before, began = len(_http(rig).seen), time.monotonic()
        await asyncio.sleep(8)
        rate = (len(_http(rig).seen) - before) / (time.monotonic() - began)
    print(f"{rate:.1f} requests/s in the storm")
    assert rate <= STORM
    await rig.judged()


async def test_every_third_answer_of_500_is_tried_again(rig: Rig):
    answer = Answer(status=500, body=status(500, "InternalError", "the store is away"))
    async with _hurt(rig, answer, _some(rig, 0.33)):
        await asyncio.sleep(8)
    await rig.judged()


async def test_conflicts_of_statuses_are_read_and_written_again(rig: Rig):
    answer = Answer(status=409, body=status(409, "Conflict", "the object has been modified"))

    def matches(seen: Seen) -> bool:
        return seen.path.endswith("/status") and chosen(seen)

    chosen = _some(rig, 0.5)
    async with _hurt(rig, answer, matches):
        await asyncio.sleep(8)
    await rig.judged()


async def test_watches_whose_version_expired_list_again(rig: Rig):
    gone = status(410, "Expired", "too old resource version")
    # At the beginning of a watch, and in its midst.
    inside = Answer(status=200, body=b'{"type":"ERROR","object":' + gone + b"}\n")
    async with rig.workload.running():
        await asyncio.sleep(CALM)
        for fault in (Answer(status=410, body=gone), inside) * 2:
            _http(rig).fail_if(_watch, fault, times=20)
            rig.system.api.reset()
            await asyncio.sleep(CALM)
            _http(rig).heal()
        await asyncio.sleep(CALM)
    await rig.judged()


async def test_lists_whose_continue_token_expired_are_read_anew(rig: Rig):
    http, chosen = _http(rig), _some(rig, 0.1)
    gone = Answer(status=410, body=status(410, "Expired", "the continue parameter is too old"))
    async with rig.workload.running():
        await asyncio.sleep(CALM)
        before = len(http.seen)
        http.fail_if(lambda seen: _continued(seen) and chosen(seen), gone, times=ALWAYS)
        http.fail_if(lambda seen: "limit=" in seen.query, Pages(5), times=ALWAYS)
        for _ in range(3):
            http.fail_if(_watch, gone, times=20)
            rig.system.api.reset()
            await asyncio.sleep(CALM)
        http.heal()
        await asyncio.sleep(CALM)
    pages = sum(map(_continued, http.seen[before:]))
    print(f"{pages} pages beside the first ones, a tenth of them expired")
    assert pages
    await rig.judged()


async def test_watches_that_are_cut_again_and_again_miss_nothing(rig: Rig):
    async with rig.workload.running():
        for _ in range(8):
            await asyncio.sleep(1)
            rig.system.api.cut()
    await rig.judged()


async def test_answers_that_are_lost_after_the_commit_cause_no_second_write(rig: Rig):
    chosen = _some(rig, 0.25)
    async with _hurt(rig, LoseAnswer(), lambda seen: seen.method in WRITES and chosen(seen)):
        await asyncio.sleep(8)
    await rig.judged()


async def test_watches_that_live_and_say_nothing_are_given_up_after_ninety_seconds(rig: Rig):
    http = _http(rig)
    async with rig.workload.running():
        await asyncio.sleep(CALM)
        http.fail_if(_watch, Silence(), times=ALWAYS)
        rig.system.api.reset()
        await asyncio.sleep(10)
        http.heal()
    await rig.judged(within=SILENT + 30)


async def test_a_second_reconciler_waits_and_a_frozen_one_that_wakes_gives_way(rig: Rig):
    first = rig.system.reconciler
    holder = await _holder(rig)
    second = Service("reconciler", rig.system.folder / "second", first._environment)
    await second.start()
    try:
        async with rig.workload.running():
            await eventually("the second waits", lambda: _says(second, "waiting for the lease"))
            await asyncio.sleep(CALM)
            assert await _holder(rig) == holder
            await _freeze_in_a_pass(rig)
            await eventually("the second takes over", lambda: _other(rig, holder), within=40)
            await asyncio.sleep(CALM)
            before = len(first.said())
            first.thaw()
            await eventually(
                "the first gives way", lambda: _says(first, "lease lost", after=before)
            )
            await asyncio.sleep(CALM)
            since = first.said()[before:].partition('"msg":"lease lost"')[2]
            assert '"msg":"event"' not in since, "it tells what the other one does"
        await rig.judged()
    finally:
        first.thaw()
        await second.stop()
    await rig.judged()


async def _freeze_in_a_pass(rig: Rig) -> None:
    """
    Stop the reconciler while one of its applies is under way, which then arrives.
    """
    hang = Hang()
    arrived = asyncio.Event()

    def matches(seen: Seen) -> bool:
        found = seen.method == "PATCH" and "/namespaces/faults-" in seen.path
        if found:
            arrived.set()
        return found

    _http(rig).fail_if(matches, hang)
    async with asyncio.timeout(30):
        await arrived.wait()
    rig.system.reconciler.freeze()
    hang.release.set()
    _http(rig).heal()


def _http(rig: Rig) -> ApiProxy:
    assert rig.system.http is not None
    return rig.system.http


@asynccontextmanager
async def _hurt(rig: Rig, fault: Fault, matches: Callable[[Seen], bool]) -> AsyncIterator[None]:
    """
    Let requests fail under load while the block runs.
    """
    async with rig.workload.running():
        await asyncio.sleep(CALM)
        _http(rig).fail_if(matches, fault, times=ALWAYS)
        try:
            yield
        finally:
            _http(rig).heal()
        await asyncio.sleep(CALM)


def _any(_: Seen) -> bool:
    return True


def _some(rig: Rig, share: float) -> Callable[[Seen], bool]:
    chance = random.Random(rig.workload.seed)
    return lambda _: chance.random() < share


def _watch(seen: Seen) -> bool:
    return "watch=1" in seen.query


def _continued(seen: Seen) -> bool:
    return "continue=" in seen.query


async def _holder(rig: Rig) -> str:
    lease = await rig.system.kube.get(LEASES, NAMESPACE, "setpoint-reconciler")
    assert lease is not None
    return str(lease["spec"]["holderIdentity"])


async def _other(rig: Rig, holder: str) -> bool:
    return await _holder(rig) not in {holder, ""}


async def _says(service: Service, words: str, *, after: int = 0) -> bool:
    return words in service.said()[after:]
