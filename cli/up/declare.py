"""
Put the definitions and the example's declarations into the cluster, and see when they are Ready.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cli.up.errors import ClusterUnusable, UpError
from shared.errors import SetpointError
from shared.kube import Kube, Resource
from shared.kube.errors import KindNotServed
from shared.kube.flux import refuse_beside_flux

MANAGER = "setpoint-cli"
# Seconds for the API server to serve new kinds; about one.
SERVED_TIMEOUT = 30.0
# Seconds for a cluster that somebody else started to answer.
ANSWER_TIMEOUT = 15.0
_LOOK = 0.1  # seconds between looks
_CONTROLLERS = ("source-controller", "kustomize-controller", "notification-controller")

Json = dict[str, Any]


async def check_cluster(kube: Kube, namespace: str) -> None:
    """
    Make sure that a cluster that somebody else started answers and is not kept by Flux.

    Raises:
        ClusterUnusable: One of both is not so.

    """
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            await kube.ping()
            for controller in _CONTROLLERS:
                await refuse_beside_flux(
                    kube, controller, namespace=namespace, now=datetime.now(UTC)
                )
    except TimeoutError:
        raise ClusterUnusable(
            f"the API server {kube.address} did not answer within {ANSWER_TIMEOUT:g} s; start the"
            " cluster, or unset KUBECONFIG to get one of its own"
        ) from None
    except SetpointError as error:
        raise ClusterUnusable(error.message) from error


async def apply_all(kube: Kube, objects: Sequence[Json]) -> None:
    """
    Apply objects at once; their kinds are waited for.

    Raises:
        UpError: The API server refuses one of them.

    """
    async with asyncio.TaskGroup() as group:
        for obj in objects:
            group.create_task(_apply(kube, obj))


async def _apply(kube: Kube, obj: Json) -> None:
    try:
        await kube.apply(await resource_of(kube, obj), obj, manager=MANAGER)
    except SetpointError as error:
        name = f"{obj['kind']} {obj['metadata']['name']}"
        raise UpError(f"{name} cannot be put into the cluster: {error.message}") from error


async def resource_of(kube: Kube, obj: Mapping[str, Any]) -> Resource:
    """
    Return how an object's kind is served, as soon as it is.
    """
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    try:
        async with asyncio.timeout(SERVED_TIMEOUT):
            while True:
                try:
                    return await kube.resource(group, str(obj["kind"]), version)
                except KindNotServed:
                    await asyncio.sleep(_LOOK)
    except TimeoutError:
        raise UpError(
            f"the API server does not serve {obj['kind']} after {SERVED_TIMEOUT:g} s; look for"
            " the condition Established of its CustomResourceDefinition"
        ) from None


def not_ready(obj: Mapping[str, Any], token: str = "") -> str:
    """
    Say why an object is not Ready; empty if it is.

    Args:
        obj: As it is in the cluster.
        token: The request that must be answered, so that an old status does not count.

    """
    status = obj.get("status") or {}
    name = f"{obj.get('kind')}/{obj['metadata']['name']}"
    conditions = {one.get("type"): one for one in status.get("conditions") or ()}
    ready = conditions.get("Ready") or {}
    generation = obj["metadata"].get("generation", 0)
    seen = status.get("observedGeneration", ready.get("observedGeneration", 0))
    if token and status.get("lastHandledReconcileAt") != token:
        return f"{name}: {ready.get('message') or 'not looked at yet'}"
    if ready.get("status") != "True":
        return f"{name}: {ready.get('message') or 'no condition Ready yet'}"
    if seen != generation:
        return f"{name}: generation {generation} is not looked at yet"
    return ""
