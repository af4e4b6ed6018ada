"""What the client does by itself when requests fail, and what it leaves to its caller."""

import asyncio
from pathlib import Path

import pytest

from shared.kube import Kube
from shared.kube import errors as kube_errors
from shared.kube import requests as requests_module
from tests.fixtures.api_proxy import (
    Answer,
    ApiProxy,
    Hang,
    LoseAnswer,
    LoseRequest,
    Truncate,
    status,
)
from tests.fixtures.kube_objects import CONFIG_MAP, config_map
from tests.fixtures.proxy import Proxy

BUSY = Answer(
    status=429,
    body=status(429, "TooManyRequests", "please try again later"),
    headers={"Retry-After": "1"},
)


async def test_a_pause_that_the_api_server_asks_for_is_kept(
    proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    proxy.fail(BUSY, method="PATCH")
    began = asyncio.get_running_loop().time()
    await proxied.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    assert asyncio.get_running_loop().time() - began >= 1
    assert proxy.count("PATCH") == 2


async def test_pauses_are_bounded(
    proxied: Kube, proxy: ApiProxy, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_module, "PAUSES", 1)
    proxy.fail(BUSY, times=100)
    with pytest.raises(kube_errors.TooManyRequests) as caught:
        await proxied.get(CONFIG_MAP, ns, "web")
    assert caught.value.retry_after == 1
    assert proxy.count() == 2


async def test_a_long_pause_is_left_to_the_caller(proxied: Kube, proxy: ApiProxy, ns: str) -> None:
    proxy.fail(Answer(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(kube_errors.TooManyRequests) as caught:
        await proxied.get(CONFIG_MAP, ns, "web")
    assert caught.value.retry_after == 3600
    assert proxy.count() == 1


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_a_failed_server_is_the_callers_to_retry(
    proxied: Kube, proxy: ApiProxy, ns: str, code: int
) -> None:
    proxy.fail(Answer(status=code, body=b"nginx says no"))
    with pytest.raises(kube_errors.ServerFailed) as caught:
        await proxied.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    assert caught.value.status == code
    assert proxy.count() == 1


async def test_a_read_that_was_cut_is_repeated_once(
    kube: Kube, proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    proxy.fail(LoseRequest(), method="GET")
    assert await proxied.get(CONFIG_MAP, ns, "web") is not None
    proxy.fail(LoseRequest(), method="GET", times=100)
    with pytest.raises(kube_errors.Unreachable, match="cut the connection"):
        await proxied.get(CONFIG_MAP, ns, "web")


async def test_an_apply_whose_answer_was_lost_can_be_sent_again_and_changes_nothing(
    kube: Kube, proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    proxy.fail(LoseAnswer(), method="PATCH")
    with pytest.raises(kube_errors.Unreachable):
        await proxied.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    assert proxy.count("PATCH") == 1
    done = await kube.get(CONFIG_MAP, ns, "web")
    assert done is not None
    again = await proxied.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    assert again["metadata"]["resourceVersion"] == done["metadata"]["resourceVersion"]


async def test_a_delete_whose_answer_was_lost_never_hits_a_successor(
    kube: Kube, proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    first = await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    proxy.fail(LoseAnswer(), method="DELETE", times=2)
    with pytest.raises(kube_errors.Unreachable):
        await proxied.delete(CONFIG_MAP, ns, "web", uid=first["metadata"]["uid"])
    await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    with pytest.raises(kube_errors.Conflict):
        await proxied.delete(CONFIG_MAP, ns, "web", uid=first["metadata"]["uid"])


async def test_a_truncated_answer_is_an_error_not_an_object(
    kube: Kube, proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    proxy.fail(Truncate(after=20), times=2)
    with pytest.raises(kube_errors.Unreachable):
        await proxied.get(CONFIG_MAP, ns, "web")


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b"", b'"text"'])
async def test_a_success_that_is_no_object_is_an_error(
    proxied: Kube, proxy: ApiProxy, ns: str, body: bytes
) -> None:
    proxy.fail(Answer(status=200, body=body, headers={"Content-Type": "text/html"}))
    with pytest.raises(kube_errors.Unreachable, match="answered with something that is not"):
        await proxied.get(CONFIG_MAP, ns, "web")


async def test_a_redirect_is_not_followed(proxied: Kube, proxy: ApiProxy, ns: str) -> None:
    proxy.fail(Answer(status=302, headers={"Location": f"{proxy.url}/readyz"}))
    with pytest.raises(kube_errors.ServerFailed):
        await proxied.get(CONFIG_MAP, ns, "web")
    assert proxy.count() == 1


async def test_an_api_server_that_is_away_is_named(wired: Kube, wire: Proxy, ns: str) -> None:
    await wire.refuse()
    with pytest.raises(kube_errors.Unreachable, match=f"127.0.0.1:{wire.port} cannot be reached"):
        await wired.get(CONFIG_MAP, ns, "web")


async def test_a_silent_api_server_costs_a_bounded_time(
    proxy: ApiProxy, tmp_path: Path, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = Hang()
    proxy.fail(hang)
    kube = await Kube.connect(proxy.kubeconfig(tmp_path), name="setpoint-test")
    monkeypatch.setattr(kube._requests, "_default", requests_module.limits(0.3))
    try:
        with pytest.raises(kube_errors.Unreachable, match="gave no answer"):
            await kube.get(CONFIG_MAP, ns, "web")
    finally:
        hang.release.set()
        await kube.close()


async def test_requests_beyond_the_bound_wait_and_the_lease_does_not(
    proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    hang = Hang()
    proxy.fail(hang, path=f"/namespaces/{ns}/", times=1000)
    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(proxied.get(CONFIG_MAP, ns, f"c{number}"))
        async with asyncio.timeout(10):
            while proxy.count() < 32:
                await asyncio.sleep(0)
        assert await proxied.apart.get(CONFIG_MAP, "kube-system", "none") is None
        assert proxy.count(path=f"/namespaces/{ns}/") == 32
        hang.release.set()
    assert proxy.count(path=f"/namespaces/{ns}/") == 100


async def test_a_renewed_token_is_read_and_the_request_repeated(
    proxy: ApiProxy, tmp_path: Path, ns: str
) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    path = proxy.kubeconfig(tmp_path, user={"tokenFile": "token"})
    kube = await Kube.connect(path, name="setpoint-test")
    try:
        await kube.get(CONFIG_MAP, ns, "web")
        proxy.fail(Answer(status=401, body=status(401, "Unauthorized", "Unauthorized")), times=2)
        with pytest.raises(kube_errors.Unauthorized):
            await kube.get(CONFIG_MAP, ns, "web")  # the same token: asking again is of no use
        assert proxy.count() == 2
        token.write_text("new\n")
        assert await kube.get(CONFIG_MAP, ns, "web") is None
        assert proxy.count() == 4
    finally:
        await kube.close()
