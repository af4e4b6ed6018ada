"""
`setpoint events`: what happened, from the bus; from the cluster where the bus is not there.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from cli import cluster, letterbox, place, tables, words
from cli.cluster import Everywhere, Json, Namespace
from cli.letterbox import NoBus
from cli.tables import Output, Table
from shared.bus import Bus, NoStream, Received
from shared.errors import MalformedError
from shared.kube import Kube, Resource
from shared.kube.watch import Changed, Listed
from shared.messages import Event, payload_as, subjects

HEAD = ("TIME", "SEVERITY", "REASON", "OBJECT", "MESSAGE")
_KUBERNETES = Resource(group="", version="v1", plural="events", kind="Event", namespaced=True)
_GROUPS = "toolkit.fluxcd.io"
_SEVERITIES = {"Warning": "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    Which events a person asked for; empty means any.
    """

    cluster: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    since: datetime

    @property
    def subject(self) -> str:
        """
        Return the filter of the stream's subjects.
        """
        cluster, kind, namespace = self.cluster or "*", self.kind or "*", self.namespace or "*"
        return f"events.{cluster}.*.{kind}.{namespace}.{self.name or '>'}"

    def takes(self, event: Event) -> bool:
        """
        Say whether an event is one of them.
        """
        about = event.involved_object
        return (
            event.timestamp >= self.since
            and self.kind in {"", about.kind}
            and self.namespace in {"", about.namespace}
            and self.name in {"", about.name}
        )


def events(
    about: Annotated[
        str, typer.Option("--for", metavar="KIND/NAME", help="Of one object, such as ks/apps.")
    ] = "",
    namespace: Namespace = cluster.NAMESPACE,
    everywhere: Everywhere = False,  # noqa: FBT002 - a flag of the command line
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="How far back, at most 7d.")
    ] = "24h",
    output: Output = "table",
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Print new ones, too.")] = False,  # noqa: FBT002
) -> None:
    """
    Show events, oldest first.

    Examples: setpoint events --for Kustomization/apps --since 7d; setpoint events -A -w
    """
    tables.checked(output, ("table",) if watch else ("table", "wide", "json", "yaml"))
    kind, name = words.reference(about) if about else ("", "")
    if name:
        words.object_name(name)
    wanted = Wanted(
        cluster=place.cluster(),
        kind=words.kind_named(kind).kind if kind else "",
        namespace="" if everywhere else namespace,
        name=name,
        since=datetime.now(UTC) - timedelta(seconds=words.seconds(since, "--since")),
    )
    try:
        found = cluster.plainly(lambda: _from_bus(wanted, watch=watch), passed=(NoBus,))
    except NoBus as error:
        typer.echo(f"these are Kubernetes Events, kept for an hour: {error.message}", err=True)
        found = cluster.run(lambda kube: _from_cluster(kube, wanted, watch=watch))
    if output in {"json", "yaml"}:
        tables.show_objects([one.model_dump(mode="json", by_alias=True) for one in found], output)
    elif found:
        wide = output == "wide"
        tables.show(Table(head=HEAD, rows=tuple(row(one, wide=wide) for one in found)))
    else:
        typer.echo(f"no events in the last {since}", err=True)


def row(event: Event, *, wide: bool = False) -> tuple[str, ...]:
    """
    Return the cells of an event.
    """
    moment = event.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    clean = tables.one_line if wide else tables.short
    found = event.involved_object
    space = f"{found.namespace}/" if found.namespace else ""
    cells = (moment, event.severity, event.reason, f"{found.kind}/{space}{found.name}")
    return (*cells, clean(event.message))


async def stored(bus: Bus, wanted: Wanted, after: int = 0) -> AsyncIterator[tuple[int, Event]]:
    """
    Yield the wanted events of the stream with their numbers; one that is unreadable is left out.
    """
    since = wanted.since if after == 0 else None
    async for received in bus.read(subjects.EVENTS, wanted.subject, after=after, since=since):
        for event in _read(received, wanted):
            yield received.stream_sequence, event


def _read(received: Received, wanted: Wanted) -> list[Event]:
    try:
        event = payload_as(received.envelope, Event)
    except MalformedError:
        return []
    return [event] if wanted.takes(event) else []


async def _from_bus(wanted: Wanted, *, watch: bool) -> list[Event]:
    async with letterbox.connected() as bus:
        if watch:
            await _follow(bus, wanted)
        return await past(bus, wanted)


async def past(bus: Bus, wanted: Wanted) -> list[Event]:
    """
    Return the wanted events, oldest first.
    """
    try:
        found = [event async for _, event in stored(bus, wanted)]
    except NoStream:
        return []  # nothing has happened yet
    return sorted(found, key=lambda one: one.timestamp)


async def _follow(bus: Bus, wanted: Wanted) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(letterbox.refusal(bus))
        async for received in letterbox.following(bus, wanted.subject, wanted.since):
            for event in _read(received, wanted):
                typer.echo("  ".join(row(event)))


async def _from_cluster(kube: Kube, wanted: Wanted, *, watch: bool) -> list[Event]:
    selectors = {"involvedObject.kind": wanted.kind, "involvedObject.name": wanted.name}
    fields = ",".join(f"{path}={value}" for path, value in selectors.items() if value)
    if not watch:
        listing = await kube.list(_KUBERNETES, namespace=wanted.namespace, fields=fields)
        return _ours(listing.items, wanted)
    shown: set[str] = set()
    async for change in kube.watch(_KUBERNETES, namespace=wanted.namespace, fields=fields):
        items: tuple[Json, ...] = ()
        if isinstance(change, Listed):
            items = change.items
        elif isinstance(change, Changed):
            items = (change.object,)
        for event in _ours(items, wanted):
            line = "  ".join(row(event))
            if line not in shown:
                shown.add(line)
                typer.echo(line)
    return []


def _ours(items: Any, wanted: Wanted) -> list[Event]:
    found = [from_kubernetes(one) for one in items if _is_ours(one)]
    return sorted((one for one in found if wanted.takes(one)), key=lambda one: one.timestamp)


def _is_ours(obj: Json) -> bool:
    version = str((obj.get("involvedObject") or {}).get("apiVersion", ""))
    return version.partition("/")[0].endswith(_GROUPS)


def from_kubernetes(obj: Json) -> Event:
    """
    Read a Kubernetes Event about an object of ours.
    """
    about = obj["involvedObject"]
    series = obj.get("series") or {}
    moment = series.get("lastObservedTime") or obj.get("lastTimestamp") or obj.get("eventTime")
    return Event.model_validate(
        {
            "involvedObject": {name: value for name, value in about.items() if value},
            "severity": _SEVERITIES.get(str(obj.get("type")), "info"),
            "timestamp": moment or obj["metadata"]["creationTimestamp"],
            "message": obj.get("message") or "",
            "reason": obj.get("reason") or "",
            "metadata": obj["metadata"].get("annotations") or {},
            "reportingController": obj.get("reportingComponent") or "",
        }
    )
