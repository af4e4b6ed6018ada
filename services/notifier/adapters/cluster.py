"""
Declared objects, Secrets and statuses in the API server.
"""

import base64
import binascii
from collections.abc import AsyncIterator, Mapping

from services.notifier.ports import Everything, Json, Metadata, Seen, Sighting, Vanished
from shared.api import kind_info
from shared.errors import StalledError
from shared.kube import Kube, Resource
from shared.kube.errors import KindNotServed, NotFound
from shared.kube.watch import Changed, Gone, Listed
from shared.messages import InvolvedObject

MANAGER = "setpoint-notifier"
_SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret", namespaced=True)


class KubeDeclarations:
    """
    The cluster, in the notifier's words.
    """

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def watch(self, kind: str) -> AsyncIterator[Sighting]:
        """
        Follow a kind of ours for ever.
        """
        async for event in self._kube.watch(_ours(kind)):
            match event:
                case Listed(items=items):
                    yield Everything(items)
                case Changed(object=found):
                    yield Seen(found)
                case Gone(object=found):
                    yield Vanished(found)
                case _:
                    continue

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """
        Read a Secret.
        """
        found = await self._kube.get(_SECRETS, namespace, name)
        if found is None:
            return None
        try:
            return {
                str(key): base64.b64decode(value or "", validate=True)
                for key, value in (found.get("data") or {}).items()
            }
        except (binascii.Error, TypeError) as exc:
            raise StalledError(f"Secret {namespace}/{name} holds data that is no base64") from exc

    async def metadata(self, involved: InvolvedObject) -> Metadata | None:
        """
        Read labels and annotations of an object that an event is about.
        """
        group, _, version = involved.api_version.rpartition("/")
        try:
            resource = await self._kube.resource(group, involved.kind, version)
        except KindNotServed:
            return None
        found = await self._kube.get(resource, involved.namespace, involved.name)
        if found is None:
            return None
        return Metadata(
            labels=found["metadata"].get("labels") or {},
            annotations=found["metadata"].get("annotations") or {},
        )

    async def objects(
        self, group: str, kind: str, *, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> list[Json]:
        """
        List objects; none where nobody serves the kind.
        """
        try:
            resource = await self._kube.resource(group, kind)
        except KindNotServed:
            return []
        selector = ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items()))
        listing = await self._kube.list(resource, namespace=namespace, labels=selector)
        return list(listing.items)

    async def write_status(self, kind: str, namespace: str, name: str, status: Json) -> None:
        """
        Merge fields into a status; an object that is gone does not matter.
        """
        try:
            await self._kube.patch_status(
                _ours(kind), namespace, name, dict(status), manager=MANAGER
            )
        except NotFound:
            return


def _ours(kind: str) -> Resource:
    info = kind_info(kind)
    return Resource(
        group=info.group,
        version=info.version,
        plural=info.plural,
        kind=info.kind,
        namespaced=True,
        has_status=True,
    )
