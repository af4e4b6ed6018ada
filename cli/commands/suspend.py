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
from cli.telling import telling
from shared.api import KindInfo
from shared.errors import TransientError
from shared.kube import Kube

SUSPENDED_BY = "setpoint.dev/suspended-by"
SUSPENDED_AT = "setpoint.dev/suspended-at"
SUSPEND_REASON = "setpoint.dev/suspend-reason"

_What = Annotated[
    list[str],
    typer.Argument(metavar="KIND [NAME]", help="kustomization NAME, source git NAME, alert NAME."),
]
_All = Annotated[bool, typer.Option("--all", help="All of the kind in the namespace.")]


def suspend(
    what: _What,
    every: _All = False,  # noqa: FBT002 - a flag of the command line
    namespace: Namespace = cluster.NAMESPACE,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept on the object.")
    ] = "",
) -> None:
    """
    Stop the passes of an object: nothing is applied, reverted or deleted until it is resumed.

    Examples: setpoint suspend ks apps-production --reason "incident 42"; setpoint suspend ks --all
    """
    info, name = words.one_or_all(what, every=every)
    notes = {
        SUSPENDED_BY: author(),
        SUSPENDED_AT: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        SUSPEND_REASON: reason or None,
    }

    async def work(kube: Kube) -> None:
        for one in await _meant(kube, info, namespace, name, suspended=True):
            await _set(kube, info, namespace, one, suspended=True, notes=notes)
            typer.echo(f"✔ {info.kind} {namespace}/{one} suspended")

    cluster.run(work)


def resume(
    what: _What,
    every: _All = False,  # noqa: FBT002 - a flag of the command line
    namespace: Namespace = cluster.NAMESPACE,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for its pass.")] = True,  # noqa: FBT002
    timeout: Timeout = "5m",
) -> None:
    """
    Start the passes of a suspended object again; ends with 1 if the first does not make it Ready.

    Examples: setpoint resume ks apps-production; setpoint resume ks --all -n team
    """
    info, name = words.one_or_all(what, every=every)
    limit = words.seconds(timeout, "--timeout")
    notes = dict.fromkeys((SUSPENDED_BY, SUSPENDED_AT, SUSPEND_REASON))

    async def work(kube: Kube) -> bool:
        start = datetime.now(UTC)
        names = await _meant(kube, info, namespace, name, suspended=False)
        for one in names:
            await _set(kube, info, namespace, one, suspended=False, notes=notes)
            typer.echo(f"► {info.kind} {namespace}/{one} resumed")
        waiting = ""
        try:
            async with asyncio.timeout(limit):
                # They run at the same time; what they did meanwhile is told one after the other.
                good = True
                for waiting in names if wait else ():
                    good &= await _ended(kube, info, namespace, waiting, start)
                return good
        except TimeoutError:
            raise TransientError(
                f"{info.kind} {namespace}/{waiting} is resumed, but its pass has not ended after "
                f"{timeout}: does its service run?"
            ) from None

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


async def _meant(
    kube: Kube, info: KindInfo, namespace: str, name: str, *, suspended: bool
) -> list[str]:
    """
    Return the names of the objects to change: one, or all of a namespace for which it is news.

    Who suspended an object earlier, and why, stays on it.

    Raises:
        TransientError: There is none.

    """
    if name:
        await cluster.existing(kube, info, namespace, name)
        return [name]
    found = (await kube.list(cluster.resource_of(info), namespace=namespace)).items
    if not found:
        raise TransientError(f"there are no {info.plural} in namespace {namespace}: is -n right?")
    names = [
        str(obj["metadata"]["name"])
        for obj in found
        if bool((obj.get("spec") or {}).get("suspend")) is not suspended
    ]
    if not names:
        state = "suspended already" if suspended else "suspended"
        typer.echo(f"{'all' if suspended else 'no'} {info.plural} in {namespace} are {state}")
    return names


async def _ended(kube: Kube, info: KindInfo, namespace: str, name: str, since: datetime) -> bool:
    async with telling(info, namespace, name, since):
        obj = await following.until(kube, info, namespace, name, following.settled)
    return following.say_end(info, obj)


async def _set(
    kube: Kube, info: KindInfo, namespace: str, name: str, *, suspended: bool, notes: Json
) -> None:
    patch = {"metadata": {"annotations": notes}, "spec": {"suspend": suspended}}
    resource = cluster.resource_of(info)
    await kube.merge_patch(resource, namespace, name, patch, manager=cluster.MANAGER)
