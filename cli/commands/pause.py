"""
`setpoint pause` and `setpoint unpause`: leave one object alone for a while, and heal it again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli import cluster, words
from cli.cluster import Json, Namespace
from cli.commands.suspend import author
from shared.errors import TransientError, WaitingError
from shared.kube import Kube, Resource

PAUSED_UNTIL = "setpoint.dev/paused-until"
PAUSED_REASON = "setpoint.dev/paused-reason"
PAUSED_BY = "setpoint.dev/paused-by"
LONGEST = 7 * 24 * 3600.0  # seconds; a longer pause should be a change in Git

_OWNER = "kustomize.toolkit.fluxcd.io/name"
_Object = Annotated[str, typer.Argument(metavar="KIND/NAME", help="Such as Deployment/shop.")]


def pause(
    what: _Object,
    length: Annotated[str, typer.Option("--for", metavar="TIME", help="How long, at most 7d.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept on the object.")
    ],
    namespace: Namespace = cluster.NAMESPACE,
) -> None:
    """
    Revert no drift of one object for a while; a new revision is applied all the same.

    Example: setpoint pause Deployment/shop -n production --for 1h --reason "incident 42"
    """
    kind, name = words.reference(what)
    seconds = words.seconds(length, "--for")
    if seconds > LONGEST:
        raise typer.BadParameter(f"--for {length}: at most 7d; what holds longer belongs into Git")
    if not reason.strip():
        raise typer.BadParameter("--reason: say why, for who comes next")
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    notes = {PAUSED_UNTIL: until, PAUSED_REASON: reason, PAUSED_BY: author()}

    async def work(kube: Kube) -> str:
        resource, obj = await _find(kube, kind, namespace, name)
        if _OWNER not in (obj["metadata"].get("labels") or {}):
            raise WaitingError(
                f"{_shown(resource, namespace, name)} belongs to no Kustomization: nothing would "
                "revert it"
            )
        await _note(kube, resource, namespace, name, notes)
        return _shown(resource, namespace, name)

    typer.echo(f"✔ {cluster.run(work)}: no drift is reverted until {until}")


def unpause(what: _Object, namespace: Namespace = cluster.NAMESPACE) -> None:
    """
    End the pause of an object: it is verified and healed.

    Example: setpoint unpause Deployment/shop -n production
    """
    kind, name = words.reference(what)

    async def work(kube: Kube) -> str:
        resource, obj = await _find(kube, kind, namespace, name)
        shown = _shown(resource, namespace, name)
        if PAUSED_UNTIL not in (obj["metadata"].get("annotations") or {}):
            return f"{shown} was not paused"
        notes = dict.fromkeys((PAUSED_UNTIL, PAUSED_REASON, PAUSED_BY))
        await _note(kube, resource, namespace, name, notes)
        return f"{shown} is healed again"

    typer.echo(f"✔ {cluster.run(work)}")


def served_as(resources: Sequence[Resource], text: str) -> Resource:
    """
    Find a kind by its name, its plural or a short name; `.group` tells two of one name apart.

    Raises:
        WaitingError: Nothing is called so, or several are.

    """
    kind, _, group = text.partition(".")
    wanted = words.full_kind(kind)
    named = [one for one in resources if wanted in {one.kind.lower(), one.plural}]
    found: dict[str, Resource] = {}
    for one in named:  # the preferred version of a group comes first
        if not group or one.group == group.lower():
            found.setdefault(one.group, one)
    if not found:
        raise WaitingError(f"the cluster serves no kind that is called {text!r}")
    if len(found) > 1 and "" not in found:
        choices = ", ".join(f"{one.kind}.{one.group}" for one in found.values())
        raise WaitingError(f"{text!r} may be {choices}: write which")
    return found.get("") or next(iter(found.values()))


async def _find(kube: Kube, kind: str, namespace: str, name: str) -> tuple[Resource, Json]:
    resource = served_as(await kube.resources(), kind)
    obj = await kube.get(resource, namespace, name)
    if obj is None:
        shown = _shown(resource, namespace, name)
        raise TransientError(f"{shown} does not exist: is -n right?")
    return resource, obj


async def _note(kube: Kube, resource: Resource, namespace: str, name: str, notes: Json) -> None:
    patch = {"metadata": {"annotations": notes}}
    await kube.merge_patch(resource, namespace, name, patch, manager=cluster.MANAGER)


def _shown(resource: Resource, namespace: str, name: str) -> str:
    return "/".join([resource.kind, *([namespace] if resource.namespaced else []), name])
