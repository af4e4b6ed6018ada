"""
`setpoint get`: what is declared, at which revision, and how it goes.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated

import typer

from cli import cluster, tables, words
from cli.cluster import Everywhere, Json, Namespace
from cli.tables import Output, Table
from shared.api import KindInfo
from shared.kube import Kube
from shared.kube.errors import Forbidden
from shared.kube.watch import Changed, Gone, Listed, Stale

Found = tuple[KindInfo, tuple[Json, ...]]

_NO_REVISION = frozenset({"Alert", "Provider", "Receiver"})


def get(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KIND [NAME]]",
            help="all, sources, sources git, ks, alerts ...; then one name.",
        ),
    ] = None,
    namespace: Namespace = cluster.NAMESPACE,
    everywhere: Everywhere = False,  # noqa: FBT002 - a flag of the command line
    output: Output = "table",
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Print each change.")] = False,  # noqa: FBT002
) -> None:
    """
    Show sources, kustomizations, alerts, alert-providers and receivers.

    Examples: setpoint get all -A; setpoint get ks apps -o yaml; setpoint get sources git -w
    """
    kinds, name = words.kinds_and_name(what or [])
    tables.checked(output, ("table", "wide") if watch else tables.OUTPUTS)
    scope = "" if everywhere else namespace
    fields = f"metadata.name={name}" if name else ""

    if watch:
        follow = _Follow(kinds, scope, fields, wide=output == "wide")
        cluster.run(follow.run)
        return
    found, refused = cluster.run(lambda kube: _listed(kube, kinds, scope, fields))
    if len(kinds) == 1 and not found[0][1]:
        text = f"{kinds[0].plural} {name!r}" if name else kinds[0].plural
        where = "in any namespace" if everywhere else f"in namespace {namespace}"
        typer.echo(f"error: no {text} {where}", err=True)
        raise typer.Exit(cluster.FAILED)
    _show(found, output, namespaces=everywhere, prefixed=len(kinds) > 1)
    for message in refused:
        typer.echo(f"error: {message}", err=True)
    if refused:
        raise typer.Exit(cluster.FAILED)


async def _listed(
    kube: Kube, kinds: Sequence[KindInfo], namespace: str, fields: str
) -> tuple[list[Found], list[str]]:
    """
    Return the objects of each kind, and of kinds that the user may not list why not.
    """
    found: list[Found] = []
    refused = []
    for info in kinds:
        try:
            listing = await kube.list(cluster.resource_of(info), namespace=namespace, fields=fields)
        except Forbidden as error:
            if len(kinds) == 1:
                raise
            refused.append(error.message)
        else:
            found.append((info, tuple(listing.items)))
    return found, refused


class _Follow:
    """
    Print a row for each object and each change of it, until Ctrl-C.
    """

    def __init__(
        self, kinds: Sequence[KindInfo], namespace: str, fields: str, *, wide: bool
    ) -> None:
        self._kinds = kinds
        self._namespace = namespace
        self._fields = fields
        self._wide = wide
        self._head = ""

    async def run(self, kube: Kube) -> None:
        """
        Follow all kinds at once.
        """
        # A watch never gives up: what will not work at all is said by the first request.
        found, refused = await _listed(kube, self._kinds, self._namespace, self._fields)
        for message in refused:
            typer.echo(f"error: {message}", err=True)
        if not found:
            raise typer.Exit(cluster.FAILED)
        async with asyncio.TaskGroup() as group:
            for info, _ in found:
                group.create_task(self._one(kube, info))

    async def _one(self, kube: Kube, info: KindInfo) -> None:
        shown: dict[tuple[str, str], str] = {}
        stream = kube.watch(
            cluster.resource_of(info), namespace=self._namespace, fields=self._fields
        )
        async with aclosing(stream):
            async for event in stream:
                match event:
                    case Listed(items=items):
                        objects = items
                    case Changed(object=obj):
                        objects = (obj,)
                    case Gone(object=obj):
                        typer.echo(f"{info.singular}/{obj['metadata']['name']} was deleted")
                        continue
                    case Stale(message=message):
                        typer.echo(f"the watch is interrupted: {message}", err=True)
                        continue
                    case _:
                        continue
                for obj in objects:
                    self._row(info, obj, shown)

    def _row(self, info: KindInfo, obj: Json, shown: dict[tuple[str, str], str]) -> None:
        rows = table(
            info,
            [obj],
            namespaces=not self._namespace,
            wide=self._wide,
            prefixed=len(self._kinds) > 1,
        ).lines()
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if shown.get(key) == rows[1]:
            return
        shown[key] = rows[1]
        head = " ".join(rows[0].split())
        if head != self._head:
            self._head = head
            typer.echo(rows[0])
        typer.echo(rows[1])


def _show(found: list[Found], output: str, *, namespaces: bool, prefixed: bool) -> None:
    if output in {"json", "yaml"}:
        objects = [
            {"apiVersion": info.api_version, "kind": info.kind, **obj}
            for info, items in found
            for obj in items
        ]
        tables.show_objects(objects, output)
        return
    filled = [(info, items) for info, items in found if items]
    if output == "name":
        for info, items in filled:
            for obj in items:
                typer.echo(f"{info.singular}/{obj['metadata']['name']}")
        return
    for at, (info, items) in enumerate(filled):
        if at:
            typer.echo()
        wide = output == "wide"
        tables.show(table(info, items, namespaces=namespaces, wide=wide, prefixed=prefixed))


def table(
    info: KindInfo,
    items: Sequence[Json],
    *,
    namespaces: bool,
    wide: bool = False,
    prefixed: bool = False,
) -> Table:
    """
    Return a table with the columns that flux has; wide ones are whole and name the source.
    """
    rows = [_cells(info, obj, wide=wide, prefixed=prefixed) for obj in items]
    if namespaces:
        spaces = [{"NAMESPACE": str(obj["metadata"].get("namespace", ""))} for obj in items]
        rows = [space | row for space, row in zip(spaces, rows, strict=True)]
    return Table(head=tuple(rows[0]), rows=tuple(tuple(row.values()) for row in rows))


def _cells(info: KindInfo, obj: Json, *, wide: bool, prefixed: bool) -> dict[str, str]:
    spec, status, meta = obj.get("spec") or {}, obj.get("status") or {}, obj["metadata"]
    ready = cluster.ready_of(obj)
    cells = {"NAME": f"{info.singular}/{meta['name']}" if prefixed else str(meta["name"])}
    if wide and info.kind == "GitRepository":
        cells["URL"] = str(spec.get("url", ""))
    if wide and info.kind == "Kustomization":
        source = spec.get("sourceRef") or {}
        space = source.get("namespace") or meta.get("namespace", "")
        cells["SOURCE"] = f"{source.get('kind', '')}/{space}/{source.get('name', '')}"
    if info.kind not in _NO_REVISION:
        artifact = status.get("artifact") or {}
        cells["REVISION"] = str(artifact.get("revision") or status.get("lastAppliedRevision") or "")
    if info.kind != "Provider":
        cells["SUSPENDED"] = str(bool(spec.get("suspend")))
    cells |= {"READY": str(ready["status"]), "MESSAGE": str(ready.get("message", ""))}
    clean = tables.one_line if wide else tables.short
    return {name: clean(cell) for name, cell in cells.items()}
