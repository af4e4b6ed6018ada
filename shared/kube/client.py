"""
One cluster: its objects, its kinds, its watches.
"""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Self

from shared.kube.discovery import Discovery
from shared.kube.events import write_event
from shared.kube.objects import Objects
from shared.kube.requests import Call, Requests
from shared.kube.resource import Resource
from shared.kube.session import Access, open_access
from shared.kube.translate import Target
from shared.kube.watch import Selection, WatchEvent, follow
from shared.messages import Event

PARALLEL = 32  # requests under way; a two-core API server is busy with 16
LEASE_TIMEOUT = 4.0  # seconds; two tries fit before the renew deadline of a Lease


class Kube(Objects):
    """
    A cluster, as one identity.

    ``apart`` is a session of its own for what must not wait behind the work: the Lease.
    """

    def __init__(self, access: Access, *, name: str, parallel: int = PARALLEL) -> None:
        requests = Requests(access, agent=name, parallel=parallel)
        super().__init__(requests)
        self.address = access.address
        self.credentials = access.credentials
        self._watches = Requests(access, agent=name, parallel=parallel)
        self._apart = Requests(access, agent=name, parallel=2, timeout=LEASE_TIMEOUT)
        self.apart = Objects(self._apart)
        self.discovery = Discovery(requests)

    @classmethod
    async def connect(
        cls, kubeconfig: Path | None, *, context: str | None = None, name: str
    ) -> Self:
        """
        Prepare the sessions; the API server need not be there yet.

        Args:
            kubeconfig: Path, or None: ``KUBECONFIG``, else the pod's service account.
            context: Another context than the current one.
            name: The program, for the User-Agent.

        """
        return cls(open_access(kubeconfig, context=context), name=name)

    async def close(self) -> None:
        """
        Close all connections.
        """
        for requests in (self._requests, self._watches, self._apart):
            await requests.close()

    async def ping(self) -> None:
        """
        Ask whether the API server is ready.

        Raises:
            KubeError: It is not.

        """
        target = Target(verb="get", kind="API server", name="readyz")
        await self._requests.send(Call(method="GET", path="/readyz", target=target))

    async def resource(self, group: str, kind: str, version: str = "") -> Resource:
        """
        Return how a kind is served; without a version, the one that the server prefers.

        Raises:
            KindNotServed: Nobody serves it.

        """
        return await self.discovery.find(group, kind, version)

    async def resources(self, *, fresh: bool = False) -> list[Resource]:
        """
        Return everything that is served, preferred versions first.
        """
        return await self.discovery.all(fresh=fresh)

    def watch(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
    ) -> AsyncGenerator[WatchEvent, None]:
        """
        Follow the objects that the selectors choose, for ever, beginning with a list.
        """
        selection = Selection(
            namespace=namespace, labels=labels, fields=fields, metadata_only=metadata_only
        )
        return follow(self, self._watches, resource, selection)

    async def record_event(self, event: Event) -> bool:
        """
        Try once to write a Kubernetes Event; say whether it is there.
        """
        return await write_event(self, event)

    def _not_served(self, resource: Resource) -> None:
        self.discovery.forget(resource.group, resource.kind)

    def __repr__(self) -> str:
        return f"Kube({self.address})"
