"""
`setpoint drift`: what is out of step now, since when, and by whom.
"""

from typing import Annotated

import typer

from cli import cluster
from cli.cluster import Everywhere, Json, Namespace
from cli.words import kind_named
from shared.kube import Kube


def drift(
    name: Annotated[str, typer.Argument(help="One Kustomization; all if left out.")] = "",
    namespace: Namespace = cluster.NAMESPACE,
    everywhere: Everywhere = False,  # noqa: FBT002 - a flag of the command line
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 if any.")] = False,  # noqa: FBT002
) -> None:
    """
    Show drift that stands: what a mode, a pause or a fight leaves as it is. All else was healed.

    Examples: setpoint drift -A; setpoint drift apps-production --exit-code
    """
    info = kind_named("kustomization")

    async def work(kube: Kube) -> list[Json]:
        fields = f"metadata.name={name}" if name else ""
        scope = "" if everywhere else namespace
        found = await kube.list(cluster.resource_of(info), namespace=scope, fields=fields)
        return list(found.items)

    objects = cluster.run(work)
    if name and not objects:
        typer.echo(
            f"error: Kustomization {namespace}/{name} does not exist: is -n right?", err=True
        )
        raise typer.Exit(cluster.FAILED)
    rows = [line for obj in objects for line in lines_of(obj)]
    typer.echo("\n".join(rows) if rows else "nothing is out of step")
    if rows and exit_code:
        raise typer.Exit(cluster.FAILED)


def lines_of(obj: Json) -> list[str]:
    """
    Return what a Kustomization's status says about standing drift.
    """
    meta = obj["metadata"]
    rows = []
    for one in (obj.get("status") or {}).get("drift") or ():
        space, _, rest = one["id"].partition("_")
        target, _, kind = rest.rpartition("_")
        subject = "/".join(part for part in (kind, space, target.rpartition("_")[0]) if part)
        rows.append(
            f"{meta['namespace']}/{meta['name']}: {subject} since {one['since']} "
            f"({one['action']}; by {one.get('by') or 'nobody known'})"
        )
        rows += [
            f"    {change['path']}: {change.get('from', '')} → {change.get('to', '')}"
            for change in one.get("fields") or ()
        ]
    return rows
