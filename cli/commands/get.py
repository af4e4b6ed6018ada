"""
`setpoint get`: what is declared, at which revision, and how it goes.
"""

import json
import re
from typing import Annotated

import typer

from cli import cluster
from cli.cluster import Context, Everywhere, Json, Namespace
from shared.api import KINDS, KindInfo
from shared.kube import Kube

_HEX = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{32,120}\b")  # commits and digests, as flux shows them


def get(
    kind: Annotated[
        str, typer.Argument(help="A kind, its plural or short name, or `all`.")
    ] = "all",
    name: Annotated[str, typer.Argument(help="One object.")] = "",
    namespace: Namespace = cluster.NAMESPACE,
    everywhere: Everywhere = False,  # noqa: FBT002 - a flag of the command line
    output: Annotated[str, typer.Option("-o", help="table, wide, json, yaml or name.")] = "table",
    context: Context = "",
) -> None:
    """
    Show sources, kustomizations, alerts, providers and receivers.

    Examples: setpoint get all -A; setpoint get ks apps-production; setpoint get sources -o json
    """
    kinds = list(KINDS) if kind == "all" else [cluster.kind_named(kind)]
    if output not in {"table", "wide", "json", "yaml", "name"}:
        raise typer.BadParameter(f"-o {output}: choose table, wide, json, yaml or name")

    async def work(kube: Kube) -> list[tuple[KindInfo, list[Json]]]:
        fields = f"metadata.name={name}" if name else ""
        scope = "" if everywhere else namespace
        return [
            (
                info,
                list(
                    (
                        await kube.list(cluster.resource_of(info), namespace=scope, fields=fields)
                    ).items
                ),
            )
            for info in kinds
        ]

    found = cluster.run(work, context)
    if kind != "all" and not found[0][1]:
        what = f"{kinds[0].plural} {name!r}" if name else kinds[0].plural
        where = "in any namespace" if everywhere else f"in namespace {namespace}"
        typer.echo(f"error: no {what} {where}", err=True)
        raise typer.Exit(cluster.FAILED)
    _show(found, output, wide=everywhere)


def _show(found: list[tuple[KindInfo, list[Json]]], output: str, *, wide: bool) -> None:
    objects = [
        {"apiVersion": info.api_version, "kind": info.kind, **obj}
        for info, items in found
        for obj in items
    ]
    if output == "json":
        typer.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=2))
    elif output == "yaml":
        import yaml  # noqa: PLC0415 - other outputs need not wait for this import

        typer.echo(yaml.safe_dump_all(objects, sort_keys=False), nl=False)
    elif output == "name":
        for info, items in found:
            for obj in items:
                typer.echo(f"{info.singular}/{obj['metadata']['name']}")
    else:
        for info, items in found:
            if items:
                typer.echo("\n".join(table(info, items, namespaces=wide, wide=output == "wide")))
                typer.echo()


def table(info: KindInfo, items: list[Json], *, namespaces: bool, wide: bool = False) -> list[str]:
    """
    Return the lines of a table, its columns as flux has them.
    """
    head = ["NAME", "REVISION", "SUSPENDED", "READY", "MESSAGE"]
    rows = [
        [f"{info.singular}/{obj['metadata']['name']}", *_cells(obj, wide=wide)] for obj in items
    ]
    if namespaces:
        head = ["NAMESPACE", *head]
        rows = [[obj["metadata"]["namespace"], *row] for obj, row in zip(items, rows, strict=True)]
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in [head, *rows]
    ]


def _cells(obj: Json, *, wide: bool) -> list[str]:
    status = obj.get("status") or {}
    revision = str(
        (status.get("artifact") or {}).get("revision") or status.get("lastAppliedRevision") or ""
    )
    ready = cluster.ready_of(obj)
    message = str(ready.get("message", "")).replace("\n", " ")
    cells = [revision, str(bool((obj.get("spec") or {}).get("suspend"))), ready["status"], message]
    return cells if wide else [_HEX.sub(r"\1", cell) for cell in cells]
