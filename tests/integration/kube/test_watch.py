"""Watches of a real API server, through a proxy that breaks them."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from shared.kube import Kube
from shared.kube import watch as watch_module
from shared.kube.watch import Bookmark, Changed, Gone, Listed, Stale, WatchEvent
from tests.fixtures.api_proxy import Answer, ApiProxy, LoseRequest, Seen, Truncate, status
from tests.fixtures.kube_objects import CONFIG_MAP, config_map
from tests.fixtures.proxy import Proxy

Next = Callable[[], Awaitable[WatchEvent]]


@asynccontextmanager
async def watching(kube: Kube, ns: str, *, metadata_only: bool = False) -> AsyncIterator[Next]:
    """
    Watch the test's own ConfigMaps and give a function that waits for the next event.
    """
    events = kube.watch(CONFIG_MAP, namespace=ns, labels="app", metadata_only=metadata_only)
    async with aclosing(events):

        async def following() -> WatchEvent:
            async with asyncio.timeout(20):
                while True:
                    event = await anext(events)
                    if not isinstance(event, Bookmark):
                        return event

        yield following


async def until_listed(following: Next) -> Listed:
    while True:
        event = await following()
        if isinstance(event, Listed):
            return event


def names(listed: WatchEvent) -> set[str]:
    assert isinstance(listed, Listed)
    return {item["metadata"]["name"] for item in listed.items}


async def test_a_watch_lists_and_then_tells_what_happens(kube: Kube, ns: str) -> None:
    await kube.apply(CONFIG_MAP, config_map(ns, "first"), manager="setpoint")
    async with watching(kube, ns) as following:
        assert names(await following()) == {"first"}
        await kube.apply(CONFIG_MAP, config_map(ns, "second"), manager="setpoint")
        added = await following()
        await kube.apply(CONFIG_MAP, config_map(ns, "second", a="2"), manager="setpoint")
        changed = await following()
        await kube.delete(CONFIG_MAP, ns, "second")
        gone = await following()
    assert isinstance(added, Changed)
    assert added.object["data"] == {"a": "1"}
    assert isinstance(changed, Changed)
    assert changed.object["data"] == {"a": "2"}
    assert isinstance(gone, Gone)
    assert gone.object["metadata"]["name"] == "second"


async def test_an_object_that_loses_its_label_is_gone_from_the_selection(
    kube: Kube, ns: str
) -> None:
    await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    async with watching(kube, ns) as following:
        await following()
        patch = {"metadata": {"labels": {"app": None}}}
        await kube.merge_patch(CONFIG_MAP, ns, "web", patch, manager="somebody")
        assert isinstance(await following(), Gone)
    assert await kube.get(CONFIG_MAP, ns, "web") is not None


async def test_a_metadata_watch_names_the_kind_and_leaves_the_rest_out(kube: Kube, ns: str) -> None:
    async with watching(kube, ns, metadata_only=True) as following:
        await following()
        await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
        event = await following()
    assert isinstance(event, Changed)
    assert (event.object["apiVersion"], event.object["kind"]) == ("v1", "ConfigMap")
    assert "data" not in event.object
    assert event.object["metadata"]["managedFields"]


async def test_an_event_of_a_megabyte_arrives_whole(kube: Kube, ns: str) -> None:
    async with watching(kube, ns) as following:
        await following()
        await kube.apply(CONFIG_MAP, config_map(ns, a="x" * 1_000_000), manager="setpoint")
        event = await following()
    assert isinstance(event, Changed)
    assert len(event.object["data"]["a"]) == 1_000_000


async def test_a_cut_watch_goes_on_where_it_ended(
    kube: Kube, wired: Kube, wire: Proxy, proxy: ApiProxy, ns: str
) -> None:
    async with watching(wired, ns) as following:
        await following()
        pending = asyncio.ensure_future(following())
        await wire.wait_accepted(2)  # the list's connection and the watch's
        await kube.apply(CONFIG_MAP, config_map(ns, "seen"), manager="setpoint")
        assert isinstance(await pending, Changed)
        wire.reset()
        await kube.apply(CONFIG_MAP, config_map(ns, "after"), manager="setpoint")
        event = await following()
    assert isinstance(event, Changed)
    assert event.object["metadata"]["name"] == "after"
    lists = [seen for seen in proxy.seen if "watch=1" not in seen.query]
    assert len(lists) == 1


async def test_after_an_outage_everything_is_listed_again(
    kube: Kube, wired: Kube, wire: Proxy, ns: str
) -> None:
    async with watching(wired, ns) as following:
        assert names(await following()) == set()
        pending = asyncio.ensure_future(following())
        await wire.wait_accepted(2)
        await wire.refuse()
        await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
        stale = await pending
        assert isinstance(stale, Stale)
        assert "cannot be reached" in stale.message
        await wire.listen()
        assert names(await until_listed(following)) == {"web"}


async def test_a_watch_of_a_version_long_gone_lists_again(
    kube: Kube, proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    def begins(seen: Seen) -> bool:
        return "watch=1" in seen.query

    proxy.fail_if(begins, Answer(status=410, body=status(410, "Expired", "too old")))
    await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
    async with watching(proxied, ns) as following:
        assert names(await following()) == {"web"}
        await kube.apply(CONFIG_MAP, config_map(ns, "more"), manager="setpoint")
        assert names(await following()) >= {"web"}


async def test_an_expired_version_inside_the_stream_lists_again(
    proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    line = (
        b'{"type":"ERROR","object":' + status(410, "Expired", "too old resource version") + b"}\n"
    )
    proxy.fail_if(lambda seen: "watch=1" in seen.query, Answer(status=200, body=line))
    async with watching(proxied, ns) as following:
        assert isinstance(await following(), Listed)
        assert isinstance(await following(), Listed)


@pytest.mark.parametrize(
    "garbage",
    [
        b"not json\n",
        b'{"type":"ADDED"}\n',
        b"[1]\n",
        b'{"type":"ADDED","object":{"meta',
        b'{"type":"ADDED","object":{}}\n',
        b'{"type":"ADDED","object":{"metadata":null}}\n',
        b'{"type":"ADDED","object":{"metadata":{"name":"web"}}}\n',
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":null}}}\n',
        b'{"type":"ERROR","object":{"code":"many"}}\n',
        b"<html>\n",
        b"9" * (9 << 20) + b"\n",
    ],
    ids=lambda garbage: garbage[:60].decode(),
)
async def test_a_garbled_watch_is_begun_again_and_misses_nothing(
    kube: Kube, proxied: Kube, proxy: ApiProxy, ns: str, garbage: bytes
) -> None:
    proxy.fail_if(lambda seen: "watch=1" in seen.query, Answer(status=200, body=garbage))
    async with watching(proxied, ns) as following:
        assert isinstance(await following(), Listed)
        await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
        event = await following()
    assert isinstance(event, Changed)


async def test_a_bookmark_from_the_past_lists_again(
    proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    past = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}}\n'
    proxy.fail_if(lambda seen: "watch=1" in seen.query, Answer(status=200, body=past))
    async with watching(proxied, ns) as following:
        assert isinstance(await following(), Listed)
        assert isinstance(await following(), Listed)


async def test_a_silent_watch_is_replaced_and_said_to_be_stale(
    kube: Kube, wired: Kube, wire: Proxy, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "SILENCE", 0.5)
    async with watching(wired, ns) as following:
        await following()
        pending = asyncio.ensure_future(following())
        await wire.wait_accepted(2)
        wire.hang()
        await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
        assert isinstance(await pending, Stale)
        wire.resume()
        while True:
            event = await following()
            if isinstance(event, Changed):
                break
            if isinstance(event, Listed) and names(event) == {"web"}:
                break


async def test_bookmarks_show_that_a_quiet_watch_lives(
    kube: Kube, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The API server sends one each minute, and one shortly before the watch ends.
    monkeypatch.setattr(watch_module, "PERIOD", (4, 4))
    events = kube.watch(CONFIG_MAP, namespace=ns, labels="app")
    async with aclosing(events), asyncio.timeout(20):
        listed = await anext(events)
        bookmark = await anext(events)
    assert isinstance(listed, Listed)
    assert isinstance(bookmark, Bookmark)
    assert int(bookmark.resource_version) >= int(listed.resource_version)


async def test_a_watch_that_ends_in_good_order_is_begun_again_without_a_word(
    kube: Kube, proxied: Kube, proxy: ApiProxy, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "PERIOD", (1, 1))
    async with watching(proxied, ns) as following:
        await following()
        pending = asyncio.ensure_future(following())
        async with asyncio.timeout(20):
            while sum("watch=1" in seen.query for seen in proxy.seen) < 3:
                await asyncio.sleep(0.01)
        await kube.apply(CONFIG_MAP, config_map(ns), manager="setpoint")
        assert isinstance(await pending, Changed)


async def test_an_api_server_that_refuses_is_asked_ever_less_often(
    proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    proxy.fail(LoseRequest(), times=10_000)
    events = proxied.watch(CONFIG_MAP, namespace=ns)
    told: list[WatchEvent] = []

    async def listen() -> None:
        async with aclosing(events), asyncio.timeout(3):
            async for event in events:
                told.append(event)  # noqa: PERF401 - what came before the time was up counts

    with pytest.raises(TimeoutError):
        await listen()
    assert [type(event) for event in told] == [Stale]
    assert proxy.count() < 40


async def test_a_list_cut_short_is_no_list(
    kube: Kube, proxied: Kube, proxy: ApiProxy, ns: str
) -> None:
    for number in range(3):
        await kube.apply(CONFIG_MAP, config_map(ns, f"c{number}"), manager="setpoint")
    proxy.fail(Truncate(after=300), path="/configmaps$", times=2)
    async with watching(proxied, ns) as following:
        events = [await following()]
        while not isinstance(events[-1], Listed):
            events.append(await following())
    assert names(events[-1]) == {"c0", "c1", "c2"}
    assert all(isinstance(event, Stale) for event in itertools.islice(events, len(events) - 1))
