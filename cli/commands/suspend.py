"""
`setpoint suspend` and `setpoint resume`: stop the passes of an object, and start them again.
"""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli import cluster
from cli.cluster import Context, Json, Namespace
from shared.errors import TransientError
from shared.kube import Kube

_BY, _AT, _REASON = (f"setpoint.dev/{part}" for part in ("suspended-by", "suspended-at", "suspend-reason"))  # fmt: skip # noqa: E501


def suspend(
    kind: Annotated[str, typer.Argument(help="kustomization, source, alert ...")],
    name: Annotated[str, typer.Argument(help="The object.")],
    namespace: Namespace = cluster.NAMESPACE,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept on the object.")] = "",
    context: Context = "",
) -> None:
    """
    Stop the passes of an object: nothing is applied, reverted or deleted until it is resumed.

    Example: setpoint suspend ks apps-production --reason "incident 42"
    """
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    notes = {_BY: getpass.getuser(), _AT: moment, _REASON: reason or None}
    _set(kind, name, namespace, context, suspended=True, notes=notes)


def resume(
    kind: Annotated[str, typer.Argument(help="kustomization, source, alert ...")],
    name: Annotated[str, typer.Argument(help="The object.")],
    namespace: Namespace = cluster.NAMESPACE,
    context: Context = "",
) -> None:
    """
    Start the passes of a suspended object again.

    Example: setpoint resume ks apps-production
    """
    _set(kind, name, namespace, context, suspended=False, notes=dict.fromkeys((_BY, _AT, _REASON)))


def _set(
    kind: str, name: str, namespace: str, context: str, *, suspended: bool, notes: Json
) -> None:
    info = cluster.kind_named(kind)

    async def work(kube: Kube) -> None:
        resource = cluster.resource_of(info)
        if await kube.get(resource, namespace, name) is None:
            raise TransientError(f"{info.kind} {namespace}/{name} does not exist: is -n right?")
        patch = {"metadata": {"annotations": notes}, "spec": {"suspend": suspended}}
        await kube.merge_patch(resource, namespace, name, patch, manager=cluster.MANAGER)

    cluster.run(work, context)
    typer.echo(f"✔ {info.kind} {namespace}/{name} {'suspended' if suspended else 'resumed'}")
