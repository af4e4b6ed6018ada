"""
Writing as kubectl's commands do: each with its kind of request and its field manager.
"""

import copy
from pathlib import Path
from typing import Any

import orjson

from shared.kube import Kube, Resource
from shared.kube.requests import Call, Requests
from shared.kube.resource import query
from shared.kube.session import open_access

STRATEGIC = "application/strategic-merge-patch+json"
Json = dict[str, Any]


class Hands:
    """
    A client that is nobody in particular: the manager is said with each request.
    """

    def __init__(self, kube: Kube, kubeconfig: Path) -> None:
        self.kube = kube
        self._requests = Requests(open_access(kubeconfig), agent="kubectl", parallel=16)

    async def close(self) -> None:
        await self._requests.close()

    async def strategic(self, kind: Resource, where: Json, patch: Json, manager: str) -> Json:
        """
        Patch as `kubectl edit`, `set image`, `label` and `annotate` do.
        """
        return await self._send("PATCH", kind, where, patch, manager, content_type=STRATEGIC)

    async def replace(self, kind: Resource, obj: Json, manager: str) -> Json:
        """
        Put a whole object, as `kubectl replace` does.
        """
        whole = copy.deepcopy(obj)
        whole["metadata"].pop("managedFields", None)
        return await self._send("PUT", kind, obj["metadata"], whole, manager)

    async def scale(self, kind: Resource, where: Json, replicas: int, manager: str) -> Json:
        """
        Put the scale subresource, as `kubectl scale` does.
        """
        scale = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": where["name"], "namespace": where["namespace"]},
            "spec": {"replicas": replicas},
        }
        return await self._send("PUT", kind, where, scale, manager, subresource="scale")

    async def _send(
        self,
        method: str,
        kind: Resource,
        where: Json,
        body: Json,
        manager: str,
        *,
        subresource: str = "",
        content_type: str = "application/json",
    ) -> Json:
        namespace, name = where["namespace"], where["name"]
        call = Call(
            method=method,
            path=kind.path(namespace, name, subresource),
            query=query(fieldManager=manager),
            body=orjson.dumps(body),
            target=kind.target(method.lower(), namespace, name),
            content_type=content_type,
        )
        found: Json = await self._requests.json(call)
        return found
