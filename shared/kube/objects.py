"""
Reading and writing objects, each call one request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from shared.kube.errors import Gone, Invalid, KindNotServed, NotFound
from shared.kube.requests import JSON, Call, Requests
from shared.kube.resource import Resource, query

PAGE = 500  # objects; the API server's own clients read as many
_VERSION = ("namespace", "name", "uid", "resourceVersion")  # names one version of an object
RESTARTS = 3  # of a list whose continue token expires each time: something is very slow
APPLY = "application/apply-patch+yaml"  # JSON is YAML
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_META = "as={};g=meta.k8s.io;v=v1"
METADATA_LIST = f"{JSON};{_META.format('PartialObjectMetadataList')}"
METADATA = f"{JSON};{_META.format('PartialObjectMetadata')}"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """
    Objects as they were together at one resourceVersion.
    """

    items: tuple[Json, ...]
    resource_version: str


class _Selection(NamedTuple):
    namespace: str
    labels: str
    fields: str
    metadata_only: bool


class Objects:
    """
    The objects of one cluster, through one session.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    async def get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """
        Read an object, None if it is not there.
        """
        call = Call(
            method="GET",
            path=resource.path(namespace, name),
            target=resource.target("get", namespace, name),
        )
        try:
            return await self._ask(resource, call)
        except NotFound:
            return None

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
        Read all objects that the selectors choose, page by page, as of one moment.
        """
        selection = _Selection(namespace, labels, fields, metadata_only)
        for _ in range(RESTARTS):
            try:
                return await self._pages(resource, selection, PAGE)
            except Gone:  # the continue token is too old: what was read is worth nothing
                continue
        return await self._pages(resource, selection, 0)

    async def _pages(self, resource: Resource, selection: "_Selection", limit: int) -> Listing:
        items: list[Json] = []
        token = ""
        while True:
            parameters = {
                "labelSelector": selection.labels,
                "fieldSelector": selection.fields,
                "limit": str(limit or ""),
                "continue": token,
            }
            call = Call(
                method="GET",
                path=resource.collection(selection.namespace),
                query=query(**parameters),
                target=resource.target("list", selection.namespace),
                accept=METADATA_LIST if selection.metadata_only else JSON,
            )
            page = await self._ask(resource, call)
            items.extend(resource.complete(item) for item in page.get("items") or ())
            meta = page.get("metadata") or {}
            token = meta.get("continue", "")
            if not token:
                version = str(meta.get("resourceVersion", ""))
                return Listing(items=tuple(items), resource_version=version)

    async def apply(
        self,
        resource: Resource,
        obj: Json,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
    ) -> Json:
        """
        Apply an object server-side and return what it is now.
        """
        namespace, name = _identity(obj, resource)
        return await self._write(
            resource,
            (namespace, name, ""),
            "apply",
            orjson.dumps(obj),
            APPLY,
            query(
                fieldManager=manager,
                force="true" if force else "",
                dryRun="All" if dry_run else "",
            ),
        )

    async def create(self, resource: Resource, obj: Json, *, manager: str = "") -> Json:
        """
        Create an object that must not be there.
        """
        namespace, name = _identity(obj, resource, named=False)
        call = Call(
            method="POST",
            path=resource.collection(namespace),
            query=query(fieldManager=manager),
            body=orjson.dumps(obj),
            target=resource.target("create", namespace, name),
        )
        return await self._ask(resource, call)

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Json,
        *,
        manager: str,
        subresource: str = "",
    ) -> Json:
        """
        Merge a patch; a resourceVersion in its metadata is a precondition.
        """
        where = (namespace, name, subresource)
        body = orjson.dumps(patch)
        return await self._write(resource, where, "patch", body, MERGE, query(fieldManager=manager))

    async def json_patch(
        self, resource: Resource, namespace: str, name: str, ops: Sequence[Json], *, manager: str
    ) -> Json:
        """
        Apply JSON patch operations; a failed test is ``Invalid``.
        """
        where = (namespace, name, "")
        body = orjson.dumps(list(ops))
        return await self._write(
            resource, where, "patch", body, JSON_PATCH, query(fieldManager=manager)
        )

    async def patch_status(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        status: Json,
        *,
        manager: str,
        resource_version: str = "",
    ) -> Json:
        """
        Merge into the status; with a resourceVersion only if the object is still that one.

        Raises:
            Conflict: The object has changed since that resourceVersion.

        """
        patch: Json = {"status": status}
        if resource_version:
            patch["metadata"] = {"resourceVersion": resource_version}
        return await self.merge_patch(
            resource, namespace, name, patch, manager=manager, subresource="status"
        )

    async def replace_status(
        self, resource: Resource, obj: Json, status: Json, *, manager: str
    ) -> Json:
        """
        Make ``status`` the status of ``obj``, only if that is still the newest version.

        It costs the API server an eighth less than a merge; the rest of the object is its own, as
        a status subresource takes nothing else.

        Raises:
            Conflict: The object has changed.

        """
        meta = {key: obj["metadata"][key] for key in _VERSION}
        body = {key: obj[key] for key in ("apiVersion", "kind")} | {"metadata": meta}
        where = (meta["namespace"], meta["name"], "status")
        data = orjson.dumps(body | {"status": status})
        return await self._write(resource, where, "update", data, JSON, query(fieldManager=manager))

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: str = "Background",
    ) -> bool:
        """
        Delete an object, False if it was not there.

        Raises:
            Conflict: It is another object, or has changed since that resourceVersion.

        """
        preconditions = {
            key: value
            for key, value in (("uid", uid), ("resourceVersion", resource_version))
            if value
        }
        options: Json = {"propagationPolicy": propagation}
        if preconditions:
            options["preconditions"] = preconditions
        call = Call(
            method="DELETE",
            path=resource.path(namespace, name),
            body=orjson.dumps(options),
            target=resource.target("delete", namespace, name),
        )
        try:
            await self._ask(resource, call)
        except NotFound:
            return False
        return True

    async def _write(
        self,
        resource: Resource,
        where: tuple[str, str, str],
        verb: str,
        body: bytes,
        content_type: str,
        parameters: str,
    ) -> Json:
        namespace, name, subresource = where
        call = Call(
            method="PUT" if content_type == JSON else "PATCH",
            path=resource.path(namespace, name, subresource),
            query=parameters,
            body=body,
            content_type=content_type,
            target=resource.target(verb, namespace, name),
        )
        return await self._ask(resource, call)

    async def _ask(self, resource: Resource, call: Call) -> Json:
        try:
            return await self._requests.json(call)
        except KindNotServed:
            self._not_served(resource)
            raise

    def _not_served(self, resource: Resource) -> None:
        """
        Learn that a kind is not served; a session without discovery has nothing to forget.
        """


def _identity(obj: Json, resource: Resource, *, named: bool = True) -> tuple[str, str]:
    meta = obj.get("metadata") or {}
    name = str(meta.get("name") or "")
    if named and not name:
        raise Invalid(f"{resource.kind} without a name; set metadata.name")
    return str(meta.get("namespace") or ""), name
