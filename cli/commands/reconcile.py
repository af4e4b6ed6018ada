"""
`setpoint reconcile`: ask for a look now, and say how it went.
"""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import cluster
from cli.cluster import Context, Json, Namespace, Timeout
from shared.api import KindInfo, parse_duration
from shared.errors import TransientError, WaitingError
from shared.kube import Kube

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
_LOOK = 0.1  # seconds between two looks at the answer


def reconcile(
    kind: Annotated[str, typer.Argument(help="kustomization, source, receiver ...")],
    name: Annotated[str, typer.Argument(help="The object.")],
    namespace: Namespace = cluster.NAMESPACE,
    with_source: Annotated[bool, typer.Option("--with-source", help="Its source first.")] = False,  # noqa: FBT002
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the answer.")] = True,  # noqa: FBT002
    timeout: Timeout = "5m",
    context: Context = "",
) -> None:
    """
    Ask for a pass now; ends with 1 at once if that pass does not make it Ready.

    Examples: setpoint reconcile ks apps-production --with-source; setpoint reconcile source example
    """
    info = cluster.kind_named(kind)
    try:
        seconds = parse_duration(timeout)
    except ValueError as error:
        raise typer.BadParameter(f"--timeout {timeout}: {error}") from None

    async def work(kube: Kube) -> Json:
        async with asyncio.timeout(seconds):
            if with_source:
                source = (await _existing(kube, info, namespace, name))["spec"].get("sourceRef")
                if not source:
                    raise WaitingError(f"{info.kind} {namespace}/{name} has no source")
                where = source.get("namespace") or namespace
                await _ask(kube, cluster.kind_named(source["kind"]), where, source["name"], wait)
            return await _ask(kube, info, namespace, name, wait)

    try:
        ready = cluster.ready_of(cluster.run(work, context))
    except TimeoutError:
        typer.echo(f"error: no answer about {info.kind} {namespace}/{name} in {timeout}", err=True)
        raise typer.Exit(cluster.FAILED) from None
    if wait and ready["status"] != "True":
        raise typer.Exit(cluster.FAILED)


async def _ask(kube: Kube, info: KindInfo, namespace: str, name: str, wait: bool) -> Json:  # noqa: FBT001
    obj = await _existing(kube, info, namespace, name)
    if (obj.get("spec") or {}).get("suspend"):
        raise WaitingError(
            f"{info.kind} {namespace}/{name} is suspended: `setpoint resume` it first"
        )
    token = datetime.now(UTC).isoformat()
    obj = await kube.merge_patch(
        cluster.resource_of(info),
        namespace,
        name,
        {"metadata": {"annotations": {REQUESTED_AT: token}}},
        manager=cluster.MANAGER,
    )
    typer.echo(f"► asked {info.kind} {namespace}/{name} to look")
    said = ""
    while wait and not answered(obj, token):
        await asyncio.sleep(_LOOK)
        obj = await _existing(kube, info, namespace, name)
        now = str(cluster.ready_of(obj).get("message", ""))
        if now != said:
            said = now
            typer.echo(f"◎ {now}")
    if wait:
        ready = cluster.ready_of(obj)
        sign = "✔" if ready["status"] == "True" else "✗"
        typer.echo(f"{sign} {info.kind} {namespace}/{name}: {ready.get('message', '')}")
    return obj


def answered(obj: Json, token: str) -> bool:
    """
    Say whether the pass that answers a request has ended.
    """
    status = obj.get("status") or {}
    if status.get("lastHandledReconcileAt") != token:
        return False
    ready = cluster.ready_of(obj)
    return ready["status"] in {"True", "False"}


async def _existing(kube: Kube, info: KindInfo, namespace: str, name: str) -> Json:
    obj = await kube.get(cluster.resource_of(info), namespace, name)
    if obj is None:
        raise TransientError(f"{info.kind} {namespace}/{name} does not exist: is -n right?")
    return obj
