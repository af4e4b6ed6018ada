"""
The floor: a bare client that applies the same objects, until the Deployments are Current.

What it takes is the ground's own: API server, etcd, controllers. Everything above it is ours.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing

from benchmarks.common.sets import Json, objects
from shared.kube import Kube
from shared.kube.watch import Changed, Listed

PARALLEL = 16  # applies under way: what a two-core API server is busy with
MANAGER = "bench-floor"
TIMEOUT = 600.0


async def floor(kube: Kube, namespace: str, names: Sequence[str], tag: str) -> tuple[float, float]:
    """
    Apply one set per name; return the seconds until all are applied, and until all are Current.
    """
    current: dict[str, str] = {}
    moved = asyncio.Event()
    deployments = await kube.resource("apps", "Deployment")

    async def follow() -> None:
        async with aclosing(kube.watch(deployments, namespace=namespace)) as events:
            async for event in events:
                found = event.items if isinstance(event, Listed) else ()
                found = (event.object,) if isinstance(event, Changed) else found
                for one in found:
                    if is_current(one):
                        current[one["metadata"]["name"]] = image_tag(one)
                moved.set()

    begin = time.monotonic()
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        await apply_all(kube, [one for name in names for one in objects(name, namespace, tag)])
        applied = time.monotonic() - begin
        while any(current.get(name) != tag for name in names):
            moved.clear()
            await moved.wait()
        done = time.monotonic() - begin
        following.cancel()
    return applied, done


async def apply_all(kube: Kube, wanted: Sequence[Json], *, manager: str = MANAGER) -> None:
    """
    Apply objects, some at a time, in their order.
    """
    waiting = iter(wanted)

    async def work() -> None:
        for one in waiting:
            await apply(kube, one, manager=manager)

    async with asyncio.TaskGroup() as group:
        for _ in range(PARALLEL):
            group.create_task(work())


async def apply(kube: Kube, one: Json, *, manager: str = MANAGER) -> None:
    """
    Apply one object.
    """
    group, _, _ = one["apiVersion"].rpartition("/")
    await kube.apply(await kube.resource(group, one["kind"]), one, manager=manager)


def is_current(deployment: Json) -> bool:
    """
    Say whether a Deployment without replicas has rolled out, by kstatus' rule.
    """
    status = deployment.get("status", {})
    if status.get("observedGeneration") != deployment["metadata"]["generation"]:
        return False
    found = {one["type"]: one for one in status.get("conditions", [])}
    return bool(
        found.get("Available", {}).get("status") == "True"
        and found.get("Progressing", {}).get("reason") in {"NewReplicaSetAvailable", None}
    )


def image_tag(deployment: Json) -> str:
    """
    Return the tag of the only container.
    """
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return str(image.rpartition(":")[2])
