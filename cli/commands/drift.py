"""
`setpoint drift`: what is out of step now and what was, since when, and by whom.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli import cluster, drifted, letterbox, place, tables, words
from cli.cluster import Everywhere, Json, Namespace
from cli.commands.events import Wanted, past
from cli.commands.pause import PAUSED_UNTIL
from cli.drifted import PAUSED, Drift
from cli.letterbox import NoBus
from cli.tables import Output
from shared.errors import SetpointError
from shared.kube import Kube

OUTPUTS = ("table", "json", "yaml")

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
        str,
        typer.Argument(
            metavar="[KIND/NAME]", help="A Kustomization, or an object; all if left out."
        ),
    ] = "",
    namespace: Namespace = cluster.NAMESPACE,
    everywhere: Everywhere = False,  # noqa: FBT002 - a flag of the command line
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="How far back to look.")
    ] = "7d",
    output: Output = "table",
    exit_code: ExitCode = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """
    Show drift that stands now (a mode, a pause or a fight leaves it) and drift that was healed.

    Examples: setpoint drift Deployment/shop --since 1h; setpoint drift ks/apps -o json
    """
    tables.checked(output, OUTPUTS)
    subject = Subject.read(what, "" if everywhere else namespace)
    start = datetime.now(UTC) - timedelta(seconds=words.seconds(since, "--since"))
    now = cluster.run(lambda kube: _now(kube, subject))
    if output == "table":
        rows = [line for one in now for line in one.lines()]
        typer.echo("\n".join(rows) if rows else "nothing is out of step now")
    wanted = Wanted(
        cluster=place.cluster(),
        kind="Kustomization",
        namespace=subject.namespace,
        name=subject.kustomization,
        since=start,
    )
    before: list[Drift] | None = None
    try:
        before = cluster.plainly(lambda: _past(wanted, subject), passed=(NoBus,))
    except NoBus as error:
        typer.echo(f"what was before only NATS knows: {error.message}", err=True)
    if output != "table":
        tables.show_document(document(now, before), output)
    elif before:
        typer.echo("\n".join([f"\nin the last {since}:", *(x for d in before for x in d.lines())]))
    if now and exit_code:
        raise typer.Exit(cluster.FAILED)


def document(present: Sequence[Drift], past: Sequence[Drift] | None) -> Json:
    """
    Return what programs are told; ``past`` is null where nobody could be asked about it.
    """
    return {
        "present": [one.to_json() for one in present],
        "past": None if past is None else [one.to_json() for one in past],
    }


async def _now(kube: Kube, subject: Subject) -> list[Drift]:
    info = words.kind_named("kustomization")
    items: Sequence[Json]
    if subject.kustomization and subject.namespace:
        items = [await cluster.existing(kube, info, subject.namespace, subject.kustomization)]
    else:
        fields = f"metadata.name={subject.kustomization}" if subject.kustomization else ""
        resource = cluster.resource_of(info)
        items = (await kube.list(resource, namespace=subject.namespace, fields=fields)).items
    found = [one for obj in items for one in drifted.standing(obj) if subject.takes(one.object)]
    return [await _with_end(kube, one) if one.action == PAUSED else one for one in found]


async def _with_end(kube: Kube, one: Drift) -> Drift:
    """
    Add the end of a pause, which is on the object itself; who may not read it is not told.
    """
    assert one.key is not None  # noqa: S101 - it stands now
    try:
        resource = await kube.resource(one.key.group, one.key.kind)
        obj = await kube.get(resource, one.key.namespace, one.key.name)
    except SetpointError:
        return one
    notes = ((obj or {}).get("metadata") or {}).get("annotations") or {}
    return replace(one, until=str(notes.get(PAUSED_UNTIL) or ""))


async def _past(wanted: Wanted, subject: Subject) -> list[Drift]:
    async with letterbox.connected() as bus:
        found = [drifted.told(event) for event in await past(bus, wanted)]
    return [one for one in found if one is not None and subject.takes(one.object)]
