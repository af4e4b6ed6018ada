"""
`setpoint reconcile`: ask for a look now, and say how it went.
"""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import cluster, following, words
from cli.cluster import Json, Namespace, Timeout
from cli.telling import telling
from shared.api import KindInfo
from shared.errors import TransientError, WaitingError
from shared.kube import Kube

REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
_NOT_ASKED = frozenset({"Alert", "Provider"})  # nobody answers requests for them


def reconcile(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND NAME", help="kustomization NAME, source git NAME, receiver NAME."
        ),
    ],
    namespace: Namespace = cluster.NAMESPACE,
    with_source: Annotated[bool, typer.Option("--with-source", help="Its source first.")] = False,  # noqa: FBT002
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the answer.")] = True,  # noqa: FBT002
    timeout: Timeout = "5m",
) -> None:
    """
    Ask for a pass now; ends with 1 at once if that pass does not make it Ready.

    Examples: setpoint reconcile ks apps --with-source; setpoint reconcile source git example
    """
    info, name = words.one_object(what)
    if info.kind in _NOT_ASKED:
        raise typer.BadParameter(f"{info.plural} are read when they change; nothing to reconcile")
    if with_source and info.kind != "Kustomization":
        raise typer.BadParameter(f"--with-source: {info.plural} have no source")
    limit = words.seconds(timeout, "--timeout")

    async def work(kube: Kube) -> bool:
        try:
            async with asyncio.timeout(limit):
                if with_source and not await _source(kube, info, namespace, name, wait=wait):
                    return False
                return await _ask(kube, info, namespace, name, wait=wait)
        except TimeoutError:
            raise TransientError(
                f"no answer about {info.kind} {namespace}/{name} in {timeout}: does its service "
                "run, and is NATS there? `setpoint get` shows how far it is"
            ) from None

    if not cluster.run(work):
        raise typer.Exit(cluster.FAILED)


async def _source(kube: Kube, info: KindInfo, namespace: str, name: str, *, wait: bool) -> bool:
    source = (await cluster.existing(kube, info, namespace, name))["spec"]["sourceRef"]
    if source["kind"] != "GitRepository":
        raise WaitingError(
            f"{info.kind} {namespace}/{name} has a source of kind {source['kind']}, which cannot "
            "be asked to look: leave out --with-source"
        )
    where = source.get("namespace") or namespace
    return await _ask(kube, words.kind_named(source["kind"]), where, source["name"], wait=wait)


async def _ask(kube: Kube, info: KindInfo, namespace: str, name: str, *, wait: bool) -> bool:
    obj = await cluster.existing(kube, info, namespace, name)
    if (obj.get("spec") or {}).get("suspend"):
        raise WaitingError(
            f"{info.kind} {namespace}/{name} is suspended: `setpoint resume` it first"
        )
    start = datetime.now(UTC)
    token = start.isoformat()
    patch = {"metadata": {"annotations": {REQUESTED_AT: token}}}
    resource = cluster.resource_of(info)
    await kube.merge_patch(resource, namespace, name, patch, manager=cluster.MANAGER)
    typer.echo(f"► asked {info.kind} {namespace}/{name} to look")
    if not wait:
        return True
    async with telling(info, namespace, name, start):
        done = await following.until(kube, info, namespace, name, lambda now: answered(now, token))
    return following.say_end(info, done)


def answered(obj: Json, token: str) -> bool:
    """
    Say whether the pass that answers a request has ended.
    """
    handled = (obj.get("status") or {}).get("lastHandledReconcileAt")
    return bool(handled == token and following.ended(obj))
