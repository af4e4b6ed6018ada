"""
A watch that lasts for ever: list, follow, and begin again when the thread is lost.

What is cut is taken up where it ended. A silent connection is replaced. After an outage, an expired
version or a bookmark from the past everything is listed again: the store behind the API server may
be another one.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import orjson
from aiohttp.http_exceptions import HttpProcessingError

from shared.kube import errors
from shared.kube.objects import METADATA, Json, Listing
from shared.kube.requests import CONNECT_TIMEOUT, JSON, Call, Requests
from shared.kube.resource import Resource, query
from shared.kube.translate import translate

SILENCE = 90.0  # seconds without event or bookmark; the API server sends a bookmark each minute
PERIOD = (240, 360)  # seconds that we ask a watch to last, spread so that they do not end together
LATE = 15.0  # seconds after which a watch that should have ended is cut
BEGIN_TIMEOUT = 15.0  # seconds until the API server says that the watch has begun
FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0  # seconds between tries, doubled, with full jitter


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """
    All chosen objects: at the beginning, and whenever the thread was lost.
    """

    items: tuple[Json, ...]
    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """
    An object was added or changed.
    """

    object: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """
    An object is not among the chosen ones any more; this was its last state.
    """

    object: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """
    The watch is alive and has shown everything up to this version.
    """

    resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """
    The watch fails: what it showed may be old until it says something again.
    """

    message: str = ""


WatchEvent = Listed | Changed | Gone | Bookmark | Stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """
    Which objects to follow, and how much of them.
    """

    namespace: str = ""
    labels: str = ""
    fields: str = ""
    metadata_only: bool = False


class Lister(Protocol):
    """
    The cluster, as a watch needs it.
    """

    async def list(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
    ) -> Listing:
        """
        Read all chosen objects.
        """

    async def resource(self, group: str, kind: str, version: str = "") -> Resource:
        """
        Return how a kind is served.
        """


@dataclass(slots=True)
class _Thread:
    """
    How far a watch has come, and how often it has failed since.
    """

    version: str = ""  # empty: everything must be listed
    failures: int = 0
    told: bool = False  # that the watch is stale

    def progress(self, version: str) -> None:
        self.version, self.failures, self.told = version, 0, False

    def fail(self, error: errors.KubeError) -> bool:
        """
        Count a failure; say whether the consumer has to know of it.
        """
        self.failures += 1
        silent = isinstance(error.__cause__, TimeoutError)
        stale = silent or not self.version or self.failures > 1
        if self.failures > 1 or isinstance(error, errors.Gone | errors.KindNotServed):
            self.version = ""
        tell = stale and not self.told
        self.told = self.told or stale
        return tell

    def delay(self, error: errors.KubeError | None) -> float:
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(self.failures, 10))
        asked = min(error.retry_after or 0.0, LONGEST_DELAY) if error else 0.0
        return asked + random.uniform(0, longest)  # noqa: S311 - spread, not secrecy


async def follow(
    lister: Lister, requests: Requests, resource: Resource, selection: Selection
) -> AsyncGenerator[WatchEvent, None]:
    """
    List and watch for ever; only cancellation ends it.
    """
    thread = _Thread()
    served = True
    while True:
        error: errors.KubeError | None = None
        try:
            if not served:
                resource = await lister.resource(resource.group, resource.kind)
                served = True
            if not thread.version:
                listing = await _list(lister, resource, selection)
                thread.progress(listing.resource_version)
                yield Listed(items=listing.items, resource_version=listing.resource_version)
            began = thread.version
            async with aclosing(_stream(requests, resource, selection, began)) as events:
                async for event in events:
                    version = _version(event)
                    if isinstance(event, Bookmark) and _older(version, thread.version):
                        thread.version = ""  # the store was put back: nothing we know is sure
                        break
                    thread.progress(version)
                    yield event
            if thread.version == began:
                thread.failures += 1  # ended at once and said nothing: do not ask in a hurry
        except errors.KubeError as exc:
            error = exc
            served = not isinstance(exc, errors.KindNotServed)
            if thread.fail(exc):
                yield Stale(message=exc.message)
        if thread.failures:
            await asyncio.sleep(thread.delay(error))


async def _list(lister: Lister, resource: Resource, selection: Selection) -> Listing:
    return await lister.list(
        resource,
        namespace=selection.namespace,
        labels=selection.labels,
        fields=selection.fields,
        metadata_only=selection.metadata_only,
    )


async def _stream(
    requests: Requests, resource: Resource, selection: Selection, version: str
) -> AsyncGenerator[Changed | Gone | Bookmark, None]:
    seconds = random.randint(*PERIOD)  # noqa: S311 - spread, not secrecy
    call = Call(
        method="GET",
        path=resource.collection(selection.namespace),
        query=query(
            watch="1",
            allowWatchBookmarks="true",
            resourceVersion=version,
            timeoutSeconds=str(seconds),
            labelSelector=selection.labels,
            fieldSelector=selection.fields,
        ),
        target=resource.target("watch", selection.namespace),
        accept=METADATA if selection.metadata_only else JSON,
    )
    limits = aiohttp.ClientTimeout(total=seconds + LATE, connect=CONNECT_TIMEOUT, sock_read=SILENCE)
    async with requests.stream(call, within=limits, begin=BEGIN_TIMEOUT) as response:
        try:
            async for line in response.content:
                yield _read(line, call, resource)
        except (ValueError, HttpProcessingError) as exc:  # a line that no buffer holds
            raise errors.Unreachable(
                f"{call.target}: the watch sent an event that is too large; it is begun again"
            ) from exc


def _read(line: bytes, call: Call, resource: Resource) -> Changed | Gone | Bookmark:
    """
    Read one line of a watch; 1.5 MB take 5 ms, and a thread would hold the same lock.
    """
    try:
        event: dict[str, Any] = orjson.loads(line)
        kind, obj = event["type"], event["object"]
        match kind:
            case "ADDED" | "MODIFIED":
                return Changed(object=_whole(resource.complete(obj)))
            case "DELETED":
                return Gone(object=_whole(resource.complete(obj)))
            case "BOOKMARK":
                return Bookmark(resource_version=_text(obj["metadata"]["resourceVersion"]))
        code = int(obj.get("code") or 500) if isinstance(obj, dict) else 500
    except (ValueError, KeyError, TypeError) as exc:
        raise errors.Unreachable(
            f"{call.target}: the watch sent an event that cannot be read; it is begun again"
        ) from exc
    raise translate(code, orjson.dumps(obj), call.target)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no text")
    return value


def _whole(obj: Json) -> Json:
    """
    Return an object that has what everybody reads of it.
    """
    _text(obj["metadata"]["name"])
    _text(obj["metadata"]["resourceVersion"])
    return obj


def _version(event: Changed | Gone | Bookmark) -> str:
    if isinstance(event, Bookmark):
        return event.resource_version
    return str(event.object["metadata"]["resourceVersion"])


def _older(version: str, than: str) -> bool:
    return version.isdigit() and than.isdigit() and int(version) < int(than)
