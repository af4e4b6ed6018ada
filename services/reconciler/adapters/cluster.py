"""The managed objects, through the one door to the API; every write is fenced by the Lease."""

from collections.abc import Callable

from services.reconciler.core.manifest import MANAGER
from services.reconciler.ports import Json, Kind
from shared.errors import NOT_LEADER, WaitingError
from shared.kube import Kube, fenced
from shared.kube.errors import KindNotServed
from shared.kube.resource import Resource
from shared.model import ObjectKey


class KubeCluster:
    """
    The port ``Cluster`` on a real API server.
    """

    def __init__(self, kube: Kube, *, may_write: Callable[[], bool]) -> None:
        self._kube = kube
        self._may_write = may_write

    async def kind(self, group: str, kind: str, version: str = "") -> Kind | None:
        """
        Say how a kind is served, or that it is not.
        """
        try:
            found = await self._kube.resource(group, kind, version)
        except KindNotServed:
            return None
        return kind_of(found)

    async def get(self, key: ObjectKey) -> Json | None:
        """
        Read an object, None if it is not there.
        """
        try:
            found = await self._kube.resource(key.group, key.kind)
        except KindNotServed:
            return None
        return await self._kube.get(found, key.namespace, key.name)

    async def apply(self, obj: Json, *, dry_run: bool = False) -> Json:
        """
        Apply an object server-side as field manager ``setpoint``, forcing conflicts.
        """
        with fenced(self._fence):
            group, _, version = str(obj["apiVersion"]).rpartition("/")
            found = await self._kube.resource(group, str(obj["kind"]), version)
            return await self._kube.apply(found, obj, manager=MANAGER, dry_run=dry_run)

    async def rewrite_managers(self, key: ObjectKey, ops: list[Json]) -> Json:
        """
        Fold other managers' entries into ours, by one JSON patch with a resourceVersion test.
        """
        with fenced(self._fence):
            found = await self._kube.resource(key.group, key.kind)
            return await self._kube.json_patch(found, key.namespace, key.name, ops, manager=MANAGER)

    async def delete(self, key: ObjectKey, *, uid: str, resource_version: str) -> bool:
        """
        Delete exactly the object that was seen; False if it was gone.
        """
        with fenced(self._fence):
            found = await self._kube.resource(key.group, key.kind)
            return await self._kube.delete(
                found, key.namespace, key.name, uid=uid, resource_version=resource_version
            )

    def _fence(self) -> None:
        if not self._may_write():
            raise WaitingError(
                "this reconciler does not hold its Lease: it writes nothing until it does",
                reason=NOT_LEADER,
            )


def kind_of(resource: Resource) -> Kind:
    """
    Describe a resource as the port does.
    """
    return Kind(
        group=resource.group,
        version=resource.version,
        kind=resource.kind,
        namespaced=resource.namespaced,
    )
