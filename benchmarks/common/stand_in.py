"""
The floor of the API itself: a bare client that also writes what a Kustomization is made of.

A kind of our own with the schema of Kustomizations stands in for them, which nobody watches: each
is declared, gets a finalizer with the inventory ahead of the four applies, and its result when the
Deployment is Current, or where nobody waits for that, when all is applied. Nothing that keeps
Kustomizations in the cluster, and leaks none of their objects in a crash, writes less.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from benchmarks.common.floor import MANAGER, PARALLEL, TIMEOUT, apply, image_tag, is_current
from benchmarks.common.kustomizations import GROUP
from benchmarks.common.sets import Json, objects
from benchmarks.common.watched import Watched
from shared.kube import Kube, Resource
from shared.kube.errors import KindNotServed

STAND_IN = "floors.example.com"
KIND = "StandIn"
_CRD = Path(__file__).parents[2] / "deploy" / "crds" / f"{GROUP}_kustomizations.yaml"
_LOOK = 0.1  # seconds between looks whether the kind is served


async def floor_of_writes(
    kube: Kube, namespace: str, names: Sequence[str], like: Json, *, wait: bool
) -> float:
    """
    Apply a set per name with the writes to its Kustomization; return the seconds until all is said.

    Args:
        kube: The API server.
        namespace: Empty.
        names: Of the sets.
        like: A Kustomization that is Ready: what is written is what it holds.
        wait: Its result waits for the Deployment.

    """
    kind = await _served(kube)
    held: dict[str, Json] = {}
    deployments = Watched(kube, await kube.resource("apps", "Deployment"), namespace)
    begin = time.monotonic()
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as group:
        following = group.create_task(deployments.follow())
        waiting = iter(names)

        async def work() -> None:
            for name in waiting:
                held[name] = await _held(kube, kind, namespace, name, like)
                for one in objects(name, namespace, "v1"):
                    await apply(kube, one)
                if not wait:
                    await conclude(name)

        async def conclude(name: str) -> None:
            await kube.replace_status(kind, held[name], like["status"], manager=MANAGER)

        async def rolled_out(name: str) -> None:
            await deployments.when(name, lambda one: is_current(one) and image_tag(one) == "v1")
            await conclude(name)

        working = [group.create_task(work()) for _ in range(PARALLEL)]
        await asyncio.gather(*working, *(rolled_out(name) for name in names if wait))
        following.cancel()
    return time.monotonic() - begin


async def _held(kube: Kube, kind: Resource, namespace: str, name: str, like: Json) -> Json:
    meta = {"name": name, "namespace": namespace}
    declared = {"apiVersion": f"{STAND_IN}/v1", "kind": KIND, "metadata": meta}
    await kube.apply(kind, declared | {"spec": like["spec"]}, manager=MANAGER)
    ahead = {key: like["metadata"][key] for key in ("finalizers", "annotations")}
    return await kube.merge_patch(kind, namespace, name, {"metadata": ahead}, manager=MANAGER)


async def _served(kube: Kube) -> Resource:
    crd = yaml.safe_load(_CRD.read_text())
    crd["metadata"] = {"name": f"standins.{STAND_IN}"}
    crd["spec"]["group"] = STAND_IN
    crd["spec"]["names"] = {"kind": KIND, "plural": "standins"}
    await apply(kube, crd)
    async with asyncio.timeout(TIMEOUT):
        while True:
            try:
                return await kube.resource(STAND_IN, KIND)
            except KindNotServed:
                kube.discovery.forget(STAND_IN, KIND)
                await asyncio.sleep(_LOOK)
