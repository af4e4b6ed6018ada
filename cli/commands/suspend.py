"""
`setpoint suspend` and `setpoint resume`: stop the passes of an object, and start them again.
"""

import asyncio
import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import cluster, following, words
from cli.cluster import Json, Namespace, Timeout
from shared.api import KindInfo
from shared.errors import TransientError
from shared.kube import Kube

SUSPENDED_BY = "setpoint.dev/suspended-by"
SUSPENDED_AT = "setpoint.dev/suspended-at"
SUSPEND_REASON = "setpoint.dev/suspend-reason"

_What = Annotated[list[str], typer.Argument(help="kustomization NAME, source git NAME, alert ...")]


def suspend(
    what: _What,
    namespace: Namespace = cluster.NAMESPACE,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept on the object.")] = "",
) -> None:
    """
    Stop the passes of an object: nothing is applied, reverted or deleted until it is resumed.

    Example: setpoint suspend ks apps-production --reason "incident 42"
    """
    info, name = words.one_object(what)
    notes = {
        SUSPENDED_BY: author(),
        SUSPENDED_AT: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        SUSPEND_REASON: reason or None,
    }

    async def work(kube: Kube) -> None:
        await _set(kube, info, namespace, name, suspended=True, notes=notes)

    cluster.run(work)
    typer.echo(f"✔ {info.kind} {namespace}/{name} suspended")


def resume(
    what: _What,
    namespace: Namespace = cluster.NAMESPACE,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its pass.")] = True,  # noqa: FBT002
    timeout: Timeout = "5m",
) -> None:
    """
    Start the passes of a suspended object again; ends with 1 if the first does not make it Ready.

    Example: setpoint resume ks apps-production
    """
    info, name = words.one_object(what)
    limit = words.seconds(timeout, "--timeout")
    notes = dict.fromkeys((SUSPENDED_BY, SUSPENDED_AT, SUSPEND_REASON))

    async def work(kube: Kube) -> bool:
        await _set(kube, info, namespace, name, suspended=False, notes=notes)
        typer.echo(f"► {info.kind} {namespace}/{name} resumed")
        if not wait:
            return True
        try:
            async with asyncio.timeout(limit):
                obj = await following.until(kube, info, namespace, name, following.settled)
        except TimeoutError:
            raise TransientError(
                f"{info.kind} {namespace}/{name} is resumed, but its pass has not ended after "
                f"{timeout}: does its service run?"
            ) from None
        return following.say_end(info, obj)

    if not cluster.run(work):
        raise typer.Exit(cluster.FAILED)


def author() -> str:
    """
    Return who is at the terminal.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in a container
        return "unknown"


async def _set(
    kube: Kube, info: KindInfo, namespace: str, name: str, *, suspended: bool, notes: Json
) -> None:
    await cluster.existing(kube, info, namespace, name)
    patch = {"metadata": {"annotations": notes}, "spec": {"suspend": suspended}}
    resource = cluster.resource_of(info)
    await kube.merge_patch(resource, namespace, name, patch, manager=cluster.MANAGER)
