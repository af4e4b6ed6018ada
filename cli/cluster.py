"""
The cluster as a person's commands need it: which one, what a kind is called, and plain failures.
"""

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from shared.api import KINDS, KindInfo
from shared.errors import SetpointError
from shared.kube import Kube, Resource

MANAGER = "setpoint-cli"
NAMESPACE = "flux-system"
USAGE, FAILED, INTERRUPTED = 2, 1, 130

Json = dict[str, Any]
T = TypeVar("T")

Namespace = Annotated[str, typer.Option("-n", "--namespace", help="Namespace of the objects.")]
Everywhere = Annotated[bool, typer.Option("-A", "--all-namespaces", help="In all namespaces.")]
Context = Annotated[str, typer.Option("--context", help="Context of the kubeconfig.")]
Timeout = Annotated[str, typer.Option("--timeout", help="How long to wait, such as 30s or 5m.")]

# What people type, beside kinds, plurals and short names.
_ALIASES = {
    "alert-provider": "Provider",
    "alert-providers": "Provider",
    "git": "GitRepository",
    "source": "GitRepository",
    "sources": "GitRepository",
}


def kind_named(text: str) -> KindInfo:
    """
    Find one of our kinds by what a person calls it.

    Raises:
        typer.BadParameter: Nothing is called so.

    """
    wanted = _ALIASES.get(text.lower(), text).lower()
    for info in KINDS:
        if wanted in {info.kind.lower(), info.plural, info.singular, *info.short_names}:
            return info
    known = ", ".join(sorted(info.plural for info in KINDS))
    raise typer.BadParameter(f"no kind is called {text!r}; there are {known}")


def resource_of(info: KindInfo) -> Resource:
    """
    Return how the API serves one of our kinds.
    """
    return Resource(
        group=info.group,
        version=info.version,
        plural=info.plural,
        kind=info.kind,
        namespaced=True,
        has_status=True,
    )


def run(work: Callable[[Kube], Awaitable[T]], context: str = "") -> T:
    """
    Connect, do the work, and end with a clear line and exit code where it fails.
    """
    try:
        return asyncio.run(_connected(work, context))
    except SetpointError as error:
        typer.echo(f"error: {error.message}", err=True)
        unreachable = error.reason in {"APIServerUnreachable", "Unauthorized", "KubeconfigInvalid"}
        raise typer.Exit(USAGE if unreachable else FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


async def _connected(work: Callable[[Kube], Awaitable[T]], context: str) -> T:
    kube = await Kube.connect(_kubeconfig(), context=context or None, name=MANAGER)
    try:
        return await work(kube)
    finally:
        await kube.close()


def _kubeconfig() -> Path | None:
    """
    Return the kubeconfig: environment, else `.setpoint/env` here or in a parent, else the default.
    """
    if os.environ.get("KUBECONFIG"):
        return None
    here = Path.cwd()
    for folder in (here, *here.parents):
        env = folder / ".setpoint" / "env"
        if env.is_file():
            for word in shlex.split(env.read_text(encoding="utf-8")):
                name, _, value = word.partition("=")
                if name == "KUBECONFIG":
                    return Path(value)
    usual = Path.home() / ".kube" / "config"
    return usual if usual.is_file() else None


def ready_of(obj: Json) -> Json:
    """
    Return the condition Ready; what nobody has looked at yet is waiting.
    """
    conditions = (obj.get("status") or {}).get("conditions") or ()
    found: Json = next(
        (one for one in conditions if one.get("type") == "Ready"),
        {"status": "False", "message": "waiting to be reconciled"},
    )
    return found
