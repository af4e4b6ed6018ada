"""Who may write, by a Lease of a real API server and a clock that the test moves."""

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.errors import StalledError
from shared.kube import Kube, Lease
from shared.kube.flux import refuse_beside_flux
from shared.kube.lease import LEASES
from shared.kube.tenure import micro_time
from tests.fakes.clock import FakeClock
from tests.fixtures.api_proxy import Answer, ApiProxy, Hang, LoseAnswer, LoseRequest

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def lease(kube: Kube, ns: str, holder: str, clock: FakeClock) -> Lease:
    return Lease(kube, name="setpoint-test", namespace=ns, holder=holder, clock=clock)


async def test_one_holder_at_a_time_and_the_second_knows_the_firsts_name(
    kube: Kube, ns: str
) -> None:
    clock = FakeClock()
    first, second = lease(kube, ns, "a_1", clock), lease(kube, ns, "b_2", clock)
    assert await first.attempt()
    assert not await second.attempt()
    assert (first.held, second.held) == (True, False)
    assert (first.elsewhere, second.elsewhere) == (False, True)
    assert second.other == "a_1"
    assert repr(second) == f"Lease({ns}/setpoint-test, held=False, other='a_1')"


async def test_another_takes_over_after_fifteen_seconds_without_a_renewal(
    kube: Kube, ns: str
) -> None:
    clock = FakeClock()
    first, second = lease(kube, ns, "a_1", clock), lease(kube, ns, "b_2", clock)
    assert await first.attempt()
    assert not await second.attempt()
    clock.advance(14)
    assert not await second.attempt()
    clock.advance(1)
    assert await second.attempt()
    assert not first.held
    assert not await first.attempt()  # its own version of the Lease is refused, and it reads again
    assert first.other == "b_2"


async def test_the_first_stops_writing_before_another_may_begin(kube: Kube, ns: str) -> None:
    clock = FakeClock()
    first = lease(kube, ns, "a_1", clock)
    assert await first.attempt()
    clock.advance(9.9)
    assert first.held
    clock.advance(0.2)
    assert not first.held


async def test_a_renewal_keeps_the_lease(kube: Kube, ns: str) -> None:
    clock = FakeClock()
    first, second = lease(kube, ns, "a_1", clock), lease(kube, ns, "b_2", clock)
    assert await first.attempt()
    for _ in range(10):
        clock.advance(5)
        assert await first.attempt()
        assert not await second.attempt()
    assert first.held


async def test_the_same_holder_takes_its_own_lease_back_at_once(kube: Kube, ns: str) -> None:
    clock = FakeClock()
    assert await lease(kube, ns, "a_1", clock).attempt()
    assert await lease(kube, ns, "a_1", clock).attempt()


async def test_a_released_lease_is_free_at_once(kube: Kube, ns: str) -> None:
    clock = FakeClock()
    first, second = lease(kube, ns, "a_1", clock), lease(kube, ns, "b_2", clock)
    assert await first.attempt()
    await first.release()
    assert not first.held
    assert await second.attempt()
    await first.release()
    assert await second.attempt()


async def test_a_deadline_counts_from_before_the_request(
    proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    clock = FakeClock()
    mine = lease(proxied, ns, "a_1", clock)
    assert await mine.attempt()
    clock.advance(8)
    hang = Hang()
    proxy.fail(hang, path="/leases/")
    renewal = asyncio.create_task(mine.attempt())
    async with asyncio.timeout(10):
        while proxy.count("PATCH", "/leases/") < 1:
            await asyncio.sleep(0)
    clock.advance(4)
    hang.release.set()
    await renewal
    clock.advance(6.1)  # 10.1 s after the request began, 6.1 s after it was answered
    assert not mine.held
    assert mine.elsewhere  # for all that it knows: it may have stood still for long


async def test_an_api_server_away_costs_the_lease_only_at_the_deadline(
    proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    clock = FakeClock()
    mine = lease(proxied, ns, "a_1", clock)
    assert await mine.attempt()
    proxy.fail(LoseRequest(), path="/leases", times=1000)
    clock.advance(6)
    assert await mine.attempt()
    assert mine.held
    clock.advance(5)
    assert not mine.held
    assert not await mine.attempt()
    assert not mine.elsewhere  # nobody can take it either
    proxy.heal()
    assert await mine.attempt()
    assert mine.held


async def test_a_renewal_whose_answer_was_lost_is_not_somebody_elses(
    proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    clock = FakeClock()
    mine = lease(proxied, ns, "a_1", clock)
    assert await mine.attempt()
    proxy.fail(LoseAnswer(), method="PATCH", path="/leases/")
    clock.advance(2)
    await mine.attempt()
    clock.advance(2)
    assert await mine.attempt()
    clock.advance(9)
    assert mine.held


async def test_of_two_that_take_at_once_one_gets_it(kube: Kube, ns: str) -> None:
    clock = FakeClock()
    leases = [lease(kube, ns, f"{n}_x", clock) for n in range(8)]
    assert sum(await asyncio.gather(*(one.attempt() for one in leases))) == 1
    assert sum(one.held for one in leases) == 1


async def asleep(clock: FakeClock, count: int) -> None:
    """
    Wait until so many sleep by the clock.
    """
    while len(clock._waiting) < count:
        await asyncio.sleep(0.001)


async def test_acquiring_waits_and_renewing_keeps(kube: Kube, ns: str) -> None:
    clock = FakeClock()
    first, second = lease(kube, ns, "a_1", clock), lease(kube, ns, "b_2", clock)
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    renewing = asyncio.create_task(first.renewing())
    async with asyncio.timeout(60):
        for _ in range(40):
            await asleep(clock, 2)  # the time of a request is no time of the lease
            clock.advance(1)
            assert first.held
    assert not waiting.done()
    renewing.cancel()
    await first.release()
    async with asyncio.timeout(20):
        while not waiting.done():
            clock.advance(1)
            await asyncio.sleep(0.01)
    assert second.held


async def test_without_the_right_to_leases_it_is_not_held(
    proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    proxy.fail(Answer(status=403, body=b"forbidden"), path="/leases", times=10)
    mine = lease(proxied, ns, "a_1", FakeClock())
    assert not await mine.attempt()
    assert not mine.held


POISON: dict[str, dict[str, Any]] = {
    "a holder of 1 MB": {"holderIdentity": "x\x1b[2J" * 200_000, "leaseDurationSeconds": 15},
    "a duration of 68 years": {"holderIdentity": "you", "leaseDurationSeconds": 2**31 - 1},
    "no duration": {"holderIdentity": "you"},
    "transitions at the end of their type": {
        "holderIdentity": "you",
        "leaseDurationSeconds": 15,
        "leaseTransitions": 2**31 - 1,
    },
    "a time after all calendars": {
        "holderIdentity": "you",
        "leaseDurationSeconds": 15,
        "renewTime": "9999-12-31T23:59:59.999999-23:59",
        "acquireTime": "9999-12-31T23:59:59.999999-23:59",
    },
    "nothing": {},
}


@pytest.mark.parametrize("spec", POISON.values(), ids=POISON)
async def test_a_lease_that_somebody_poisoned_is_told_briefly_and_taken_when_it_expires(
    kube: Kube, ns: str, spec: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    await poisoned(kube, ns, "setpoint-test", spec)
    mine = lease(kube, ns, "a_1", clock)
    assert await mine.attempt() is (not spec)
    clock.advance(60)
    assert await mine.attempt()
    clock.advance(2)
    assert await mine.attempt()
    await mine.release()
    assert await lease(kube, ns, "b_2", clock).attempt()
    said = "".join(capsys.readouterr())
    assert len(said) < 2000
    assert ("held by" in said) is bool(spec)


async def test_a_lease_of_flux_with_a_time_that_is_none_of_now_is_no_hindrance(
    kube: Kube, ns: str
) -> None:
    name = "source-controller-leader-election"
    for renewed in ("9999-12-31T23:59:59.999999-23:59", "9999-01-01T00:00:00.000000Z"):
        spec = {"holderIdentity": "flux", "renewTime": renewed}
        await poisoned(kube, ns, name, spec)
        await refuse_beside_flux(kube, "source-controller", namespace=ns, now=NOW)
        await kube.delete(LEASES, ns, name)


async def poisoned(kube: Kube, ns: str, name: str, spec: dict[str, Any]) -> None:
    await kube.create(
        LEASES,
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": ns},
            "spec": spec,
        },
    )


async def flux_lease(kube: Kube, ns: str, *, holder: str, renewed: datetime) -> None:
    await kube.create(
        LEASES,
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "source-controller-leader-election", "namespace": ns},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": 35,
                "renewTime": micro_time(renewed),
            },
        },
    )


async def test_a_living_flux_is_refused_in_plain_words(kube: Kube, ns: str) -> None:
    await flux_lease(kube, ns, holder="source-controller-abc", renewed=NOW)
    later = NOW.replace(second=30)
    with pytest.raises(StalledError, match="Flux's source-controller is running") as caught:
        await refuse_beside_flux(kube, "source-controller", namespace=ns, now=later)
    assert "30 s ago" in caught.value.message
    assert "scale" in caught.value.message
    await refuse_beside_flux(kube, "kustomize-controller", namespace=ns, now=later)


@pytest.mark.parametrize(
    ("holder", "now"),
    [("", NOW), ("source-controller-abc", NOW.replace(minute=1))],
    ids=["released", "old"],
)
async def test_a_flux_that_stopped_is_no_hindrance(
    kube: Kube, ns: str, holder: str, now: datetime
) -> None:
    await flux_lease(kube, ns, holder=holder, renewed=NOW)
    await refuse_beside_flux(kube, "source-controller", namespace=ns, now=now)


async def test_a_cluster_without_flux_is_no_hindrance(kube: Kube) -> None:
    nowhere = f"test-kube-{secrets.token_hex(4)}"
    await refuse_beside_flux(kube, "source-controller", namespace=nowhere, now=NOW)
