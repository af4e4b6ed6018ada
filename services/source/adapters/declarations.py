"""
GitRepositories in the cluster: read, followed, and written only while the Lease is ours.
"""

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from services.source.core.declaration import FINALIZER, GROUP, KIND
from services.source.ports import Gone, Json, Notice, Seen, Snapshot
from shared.errors import NOT_LEADER, TransientError
from shared.kube import Kube, Lease, Resource
from shared.kube import watch as kube_watch

MANAGER = "setpoint-source"
REPOSITORIES = Resource(
    group=GROUP, version="v1", plural="gitrepositories", kind=KIND, namespaced=True, has_status=True
)
SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret", namespaced=True)


class KubeDeclarations:
    """
    The port ``Declarations`` on the API server.
    """

    def __init__(self, kube: Kube, lease: Lease, *, selector: str = "") -> None:
        self._kube = kube
        self._lease = lease
        self._selector = selector

    async def watch(self) -> AsyncGenerator[Notice, None]:
        """
        Follow all sources for ever, beginning with a snapshot.
        """
        async with aclosing(self._kube.watch(REPOSITORIES, labels=self._selector)) as events:
            async for event in events:
                match event:
                    case kube_watch.Listed(items=items):
                        yield Snapshot(items)
                    case kube_watch.Changed(object=obj):
                        yield Seen(obj)
                    case kube_watch.Gone(object=obj):
                        yield Gone(obj)
                    case _:
                        pass  # a bookmark says nothing new, a stale watch begins again by itself

    async def read(self, namespace: str, name: str) -> Json | None:
        """
        Read a source, None if it is not there.
        """
        return await self._kube.get(REPOSITORIES, namespace, name)

    async def write_status(self, obj: Json, patch: Json) -> Json:
        """
        Merge a patch into the status, only if ``obj`` is still the newest version.
        """
        self._fence()
        meta = obj["metadata"]
        return await self._kube.patch_status(
            REPOSITORIES,
            meta["namespace"],
            meta["name"],
            patch,
            manager=MANAGER,
            resource_version=meta["resourceVersion"],
        )

    async def set_finalizer(self, obj: Json, *, present: bool) -> Json:
        """
        Add or remove our finalizer, only if ``obj`` is still the newest version.
        """
        self._fence()
        meta = obj["metadata"]
        others = [name for name in meta.get("finalizers") or () if name != FINALIZER]
        patch = {
            "metadata": {
                "resourceVersion": meta["resourceVersion"],
                "finalizers": [*others, FINALIZER] if present else others,
            }
        }
        return await self._kube.merge_patch(
            REPOSITORIES, meta["namespace"], meta["name"], patch, manager=MANAGER
        )

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """
        Read a Secret's values, None if it is not there.
        """
        found = await self._kube.get(SECRETS, namespace, name)
        if found is None:
            return None
        return {key: _decoded(value) for key, value in (found.get("data") or {}).items()}

    def _fence(self) -> None:
        if not self._lease.held:
            raise TransientError(
                f"the Lease {self._lease} is not held; another source service may be at work",
                reason=NOT_LEADER,
            )


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""
