"""
`setpoint install`: put the definitions of our kinds into a cluster.
"""

import asyncio
from importlib.metadata import version

import typer

from cli import cluster, words
from cli.cluster import Json, Timeout
from shared.api import KINDS
from shared.api.crd import definition
from shared.errors import TransientError
from shared.kube import Kube, Resource
from shared.kube.watch import Changed, Gone, Listed


def install(timeout: Timeout = "1m") -> None:
    """
    Apply the CustomResourceDefinitions to the cluster, and wait until it serves them.

    Example: setpoint install --context staging
    """
    limit = words.seconds(timeout, "--timeout")

    async def work(kube: Kube) -> None:
        resource = await kube.resource("apiextensions.k8s.io", "CustomResourceDefinition")
        for info in KINDS:
            wanted = definition(info, version=f"v{version('setpoint')}")
            await kube.apply(resource, wanted, manager=cluster.MANAGER)
        try:
            async with asyncio.timeout(limit):
                for info in KINDS:
                    await _established(kube, resource, info.crd_name)
                    typer.echo(f"✔ {info.crd_name}")
        except TimeoutError:
            raise TransientError(f"the cluster does not serve all kinds after {timeout}") from None

    cluster.run(work)


async def _established(kube: Kube, resource: Resource, name: str) -> None:
    """
    Wait until the API server serves a definition.
    """
    found: tuple[Json, ...] = ()
    async for event in kube.watch(resource, fields=f"metadata.name={name}"):
        match event:
            case Listed(items=items):
                found = items
            case Changed(object=obj):
                found = (obj,)
            case Gone():
                raise TransientError(f"{name} was deleted meanwhile; install again")
            case _:
                continue
        if any(cluster.condition_of(obj, "Established").get("status") == "True" for obj in found):
            return
