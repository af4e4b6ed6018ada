"""
`setpoint drift`: what is out of step now and what was, since when, and by whom.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli import cluster, letterbox, place, words
from cli.cluster import Everywhere, Json, Namespace
from cli.commands.events import Wanted, past
from cli.letterbox import NoBus
from cli.tables import one_line
from shared.kube import Kube
from shared.messages import Event
from shared.model import ObjectKey

_GROUP = "kustomize.toolkit.fluxcd.io"
_REASONS = frozenset({"DriftDetected", "DriftFight", "DriftCorrectionFailed"})
_NOBODY = "nobody known"

ExitCode = Annotated[bool, typer.Option("--exit-code", help="End with 1 if any stands.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    Whose drift is asked for: all of a namespace, one Kustomization's, or one object's.
    """

    namespace: str = ""
    kustomization: str = ""
    kind: str = ""
    name: str = ""

    @classmethod
    def read(cls, text: str, namespace: str) -> "Subject":
        """
        Read KIND/NAME; a name alone is a Kustomization's.

        Raises:
            typer.BadParameter: It has another form.

        """
        if not text:
            return cls(namespace=namespace)
        kind, name = words.reference(text) if "/" in text else ("ks", text)
        if kind.lower() in {"ks", "kustomization", "kustomizations"}:
            return cls(namespace=namespace, kustomization=words.object_name(name))
        # Objects lie in other namespaces than the Kustomization that declares them.
        return cls(kind=words.full_kind(kind), name=name)

    def takes(self, target: str) -> bool:
        """
        Say whether an object, as Kind/namespace/name, is meant.
        """
        parts = target.split("/")
        return not self.kind or (parts[0].lower(), parts[-1]) == (self.kind, self.name)


def drift(
    what: Annotated[
        str, typer.Argument(help="A Kustomization, or KIND/NAME of an object; all if left out.")
    ] = "",
    namespace: Namespace = cluster.NAMESPACE,
    everywhere: Everywhere = False,  # noqa: FBT002 - a flag of the command line
    since: Annotated[str, typer.Option("--since", help="How far back to look.")] = "7d",
    exit_code: ExitCode = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """
    Show drift that stands now (a mode, a pause or a fight leaves it) and drift that was healed.

    Examples: setpoint drift Deployment/shop --since 1h; setpoint drift ks/apps --exit-code
    """
    subject = Subject.read(what, "" if everywhere else namespace)
    start = datetime.now(UTC) - timedelta(seconds=words.seconds(since, "--since"))
    standing = [
        line
        for obj in cluster.run(lambda kube: _now(kube, subject))
        for line in now_of(obj, subject)
    ]
    typer.echo("\n".join(standing) if standing else "nothing is out of step now")
    wanted = Wanted(
        cluster=place.cluster(),
        kind="Kustomization",
        namespace=subject.namespace,
        name=subject.kustomization,
        since=start,
    )
    try:
        found = cluster.plainly(lambda: _past(wanted), passed=(NoBus,))
    except NoBus as error:
        typer.echo(f"what was before is not known: {error.message}", err=True)
    else:
        rows = [line for event in found for line in past_of(event, subject)]
        typer.echo("\n".join([f"\nin the last {since}:", *rows] if rows else []), nl=bool(rows))
    if standing and exit_code:
        raise typer.Exit(cluster.FAILED)


async def _now(kube: Kube, subject: Subject) -> list[Json]:
    info = words.kind_named("kustomization")
    if subject.kustomization and subject.namespace:
        return [await cluster.existing(kube, info, subject.namespace, subject.kustomization)]
    fields = f"metadata.name={subject.kustomization}" if subject.kustomization else ""
    resource = cluster.resource_of(info)
    found = await kube.list(resource, namespace=subject.namespace, fields=fields)
    return list(found.items)


async def _past(wanted: Wanted) -> list[Event]:
    async with letterbox.connected() as bus:
        return await past(bus, wanted)


def now_of(obj: Json, subject: Subject) -> list[str]:
    """
    Return what a Kustomization's status says about standing drift.
    """
    meta = obj["metadata"]
    rows = []
    for one in (obj.get("status") or {}).get("drift") or ():
        target = str(ObjectKey.from_inventory_id(one["id"]))
        if not subject.takes(target):
            continue
        rows.append(
            f"{meta['namespace']}/{meta['name']}: {target} since {one['since']} "
            f"({one['action']}; by {one_line(one.get('by') or _NOBODY)})"
        )
        rows += _fields(one.get("fields") or ())
    return rows


def past_of(event: Event, subject: Subject) -> list[str]:
    """
    Return what an event says about drift, nothing if it is about something else.
    """
    facts = {
        name.removeprefix(f"{_GROUP}/"): value
        for name, value in event.metadata.items()
        if name.startswith(f"{_GROUP}/")
    }
    target = facts.get("object", "")
    if event.reason not in _REASONS or not subject.takes(target):
        return []
    about = event.involved_object
    moment = event.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    done = "revert failed" if event.reason == "DriftCorrectionFailed" else facts.get("action", "")
    by = one_line(facts.get("manager") or _NOBODY)
    head = f"{moment} {about.namespace}/{about.name}: {target} ({done}; by {by})"
    try:
        fields = json.loads(facts.get("fields") or "[]")
    except ValueError:
        fields = []
    return [head, *_fields(fields)]


def _fields(fields: Iterable[Json]) -> list[str]:
    return [
        one_line(f"    {one['path']}: {_shown(one.get('from'))} → {_shown(one.get('to'))}")
        for one in fields
    ]


def _shown(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or "(nothing)"
    return json.dumps(value, ensure_ascii=False)
