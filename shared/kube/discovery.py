"""
Which kinds the API server serves, from its aggregated discovery: two requests, cached.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shared.kube.errors import KindNotServed, ServerFailed
from shared.kube.requests import Call, Requests
from shared.kube.resource import Resource
from shared.kube.translate import Target

REFRESH_PERIOD = 1.0  # seconds between two refreshes; a kind that nobody serves is asked for often
_FORM = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_OLDER_FORM = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"


class Discovery:
    """
    The kinds of one cluster; a kind that is not known yet causes a new look.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._resources: list[Resource] = []
        self._by_kind: dict[tuple[str, str], list[Resource]] = {}
        self._looked_at = float("-inf")  # monotonic seconds, before the requests
        self._lock = asyncio.Lock()

    async def find(self, group: str, kind: str, version: str = "") -> Resource:
        """
        Return a kind in the version asked for, or in the one that the server prefers.

        Raises:
            KindNotServed: A look that began after this call did not find it.

        """
        found = self._known(group, kind, version)
        if found is None:
            await self._look_after(
                time.monotonic(), unless=lambda: self._known(group, kind, version) is not None
            )
            found = self._known(group, kind, version)
        if found is None:
            raise self._missing(group, kind, version)
        return found

    async def all(self, *, fresh: bool = False) -> list[Resource]:
        """
        Return all kinds, each in all its versions, those that the server prefers first.
        """
        if fresh or not self._resources:
            await self._look_after(time.monotonic())
        return list(self._resources)

    def forget(self, group: str, kind: str) -> None:
        """
        Drop a kind that turned out not to be served: the next call looks again.
        """
        self._by_kind.pop((group, kind), None)

    def _known(self, group: str, kind: str, version: str) -> Resource | None:
        served = self._by_kind.get((group, kind), ())
        return next((r for r in served if not version or r.version == version), None)

    async def _look_after(
        self, moment: float, *, unless: Callable[[], bool] = lambda: False
    ) -> None:
        async with self._lock:
            if self._looked_at >= moment or unless():
                return  # somebody has looked while we waited, and found what we want
            wait = self._looked_at + REFRESH_PERIOD - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            started = time.monotonic()
            core, groups = await asyncio.gather(self._read("/api"), self._read("/apis"))
            self._resources = list(parse(core)) + list(parse(groups))
            self._by_kind = {}
            for resource in self._resources:
                self._by_kind.setdefault((resource.group, resource.kind), []).append(resource)
            self._looked_at = started

    async def _read(self, path: str) -> Mapping[str, Any]:
        target = Target(verb="get", kind="API discovery")
        accept = f"{_FORM},{_OLDER_FORM}"
        answer = await self._requests.json(
            Call(method="GET", path=path, target=target, accept=accept)
        )
        if answer.get("kind") != "APIGroupDiscoveryList":
            raise ServerFailed(
                f"API discovery: {path} is no APIGroupDiscoveryList;"
                " Setpoint needs Kubernetes 1.27 or newer"
            )
        return answer

    def _missing(self, group: str, kind: str, version: str) -> KindNotServed:
        others = sorted({r.version for r in self._by_kind.get((group, kind), ())})
        wanted = f"{group}/{version}".strip("/") or "the core group"
        hint = (
            f"it is served as {', '.join(others)}"
            if others
            else "install its CustomResourceDefinition or correct apiVersion and kind"
        )
        return KindNotServed(f"{kind} in {wanted} is not served by the API server; {hint}")


def parse(answer: Mapping[str, Any]) -> Iterable[Resource]:
    """
    Read an APIGroupDiscoveryList, in the server's order of preference.
    """
    for group in answer.get("items") or ():
        name = str(group.get("metadata", {}).get("name", ""))
        for version in group.get("versions") or ():
            for item in version.get("resources") or ():
                kind = (item.get("responseKind") or {}).get("kind")
                if kind:
                    yield _resource(name, str(version["version"]), str(kind), item)


def _resource(group: str, version: str, kind: str, item: Mapping[str, Any]) -> Resource:
    return Resource(
        group=group,
        version=version,
        plural=str(item["resource"]),
        kind=kind,
        namespaced=item.get("scope") == "Namespaced",
        verbs=frozenset(item.get("verbs") or ()),
        has_status=any(
            sub.get("subresource") == "status" for sub in item.get("subresources") or ()
        ),
    )
