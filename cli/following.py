"""
Follow one object until it is as it should be, and say what happens meanwhile.
"""

from collections.abc import Callable
from contextlib import aclosing

import typer

from cli import cluster
from cli.cluster import Json
from shared.api import KindInfo
from shared.kube import Kube
from shared.kube.watch import Changed, Gone, Listed


async def until(
    kube: Kube, info: KindInfo, namespace: str, name: str, done: Callable[[Json], bool]
) -> Json:
    """
    Return the object as soon as it is done; tell its conditions until then.

    Raises:
        TransientError: It is not there any more.

    """
    resource = cluster.resource_of(info)
    said = ""
    stream = kube.watch(resource, namespace=namespace, fields=f"metadata.name={name}")
    async with aclosing(stream):
        async for event in stream:
            match event:
                case Listed(items=(obj, *_)) | Changed(object=obj):
                    pass
                case Listed() | Gone():
                    break
                case _:
                    continue
            if done(obj):
                return obj
            now = progress(obj)
            if now not in {"", said}:
                typer.echo(f"◎ {now}")
                said = now
    raise cluster.missing(info, namespace, name)


def progress(obj: Json) -> str:
    """
    Say what an object is doing: the message of Reconciling, else of a Ready that is not True.
    """
    ready = cluster.condition_of(obj, "Ready")
    # While it is True it tells of the last pass, not of the one that is waited for.
    waiting = {} if ready.get("status") == "True" else ready
    return str((cluster.condition_of(obj, "Reconciling") or waiting).get("message", ""))


def ended(obj: Json) -> bool:
    """
    Say whether the newest pass of an object has ended, well or not.
    """
    if cluster.condition_of(obj, "Ready").get("status") not in {"True", "False"}:
        return False
    doing = cluster.condition_of(obj, "Reconciling")
    if doing.get("status") != "True":
        return True
    # A pass that failed and will be tried again keeps Reconciling, for a retry of its own.
    return doing.get("reason") == "ProgressingWithRetry"


def settled(obj: Json) -> bool:
    """
    Say whether the pass for the present generation has ended.
    """
    seen = (obj.get("status") or {}).get("observedGeneration", -1)
    ready = cluster.condition_of(obj, "Ready").get("observedGeneration", seen)
    generation = obj["metadata"]["generation"]
    return bool(seen == generation and ready == generation and ended(obj))


def say_end(info: KindInfo, obj: Json) -> bool:
    """
    Print how a pass went; return whether it went well.
    """
    ready = cluster.ready_of(obj)
    good = bool(ready["status"] == "True")
    meta = obj["metadata"]
    typer.echo(
        f"{'✔' if good else '✗'} {info.kind} {meta['namespace']}/{meta['name']}: "
        f"{ready.get('message', '')}"
    )
    return good
