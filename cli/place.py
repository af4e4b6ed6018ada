"""
Where the cluster and NATS are: a flag, the environment, `.setpoint/env` here or in a parent.
"""

import inspect
import os
import re
import shlex
import stat
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Annotated, Any

import typer

HOME = "SETPOINT_HOME"
_CLUSTER = "SETPOINT_CLUSTER"
_LARGEST = 64 * 1024  # bytes; a note has a few lines
_OTHERS = 0o077  # the bits by which others read or write
_ENV = Path(".setpoint") / "env"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """
    What the command line says about the connection; empty where it says nothing.
    """

    kubeconfig: str = ""
    context: str = ""
    nats: str = ""


_FLAGS: ContextVar[Flags] = ContextVar("flags", default=Flags())  # noqa: B039 - it is frozen

_Kubeconfig = Annotated[
    str,
    typer.Option("--kubeconfig", metavar="FILE", help="Path of the kubeconfig; else KUBECONFIG."),
]
_Context = Annotated[
    str, typer.Option("--context", metavar="NAME", help="Context of the kubeconfig.")
]
_Nats = Annotated[
    str, typer.Option("--nats", metavar="URL", help="Address of NATS; else NATS_URL.")
]


def connects(command: Callable[..., None], *, bus: bool = False) -> Callable[..., None]:
    """
    Give a command the options of the connection, which it need not pass on.
    """
    options: dict[str, Any] = {"kubeconfig": _Kubeconfig, "context": _Context}
    if bus:
        options["nats"] = _Nats

    @wraps(command)
    def connected(**given: Any) -> None:
        token = _FLAGS.set(Flags(**{name: given.pop(name) for name in options}))
        try:
            command(**given)
        finally:
            _FLAGS.reset(token)

    signature = inspect.signature(command)
    extra = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default="", annotation=kind)
        for name, kind in options.items()
    ]
    parameters = [*signature.parameters.values(), *extra]
    connected.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    connected.__annotations__ = {**command.__annotations__, **options}
    return connected


def kubeconfig(environment: Mapping[str, str] = os.environ) -> Path | None:
    """
    Return the kubeconfig; None leaves it to the client: KUBECONFIG, else the pod's account.
    """
    flag = _FLAGS.get().kubeconfig
    if flag:
        return Path(flag)
    if environment.get("KUBECONFIG"):
        return None
    noted = noted_values(environment).get("KUBECONFIG")
    if noted:
        return Path(noted)
    usual = Path.home() / ".kube" / "config"
    return usual if usual.is_file() else None


def context() -> str | None:
    """
    Return the context that was asked for.
    """
    return _FLAGS.get().context or None


def nats_url(environment: Mapping[str, str] = os.environ) -> str:
    """
    Return the address of NATS, empty if nothing names one.
    """
    given = environment.get("NATS_URL") or environment.get("SETPOINT_NATS_URL")
    return _FLAGS.get().nats or given or noted_values(environment).get("NATS_URL", "")


def cluster(environment: Mapping[str, str] = os.environ) -> str:
    """
    Return the name under which the bus holds the cluster's messages, empty for every cluster.

    Raises:
        typer.BadParameter: No cluster can be called so.

    """
    name = environment.get(_CLUSTER) or noted_values(environment).get(_CLUSTER, "")
    if name and not re.fullmatch("[a-z0-9-]+", name):
        raise typer.BadParameter(f"{_CLUSTER}={name}: expected small letters, digits and dashes")
    return name


def noted_values(environment: Mapping[str, str], here: Path | None = None) -> dict[str, str]:
    """
    Read `.setpoint/env`: in the folder that `SETPOINT_HOME` names, else here or in a parent.
    """
    home = environment.get(HOME)
    here = here or Path.cwd()
    for folder in [Path(home)] if home else [here, *here.parents]:
        try:
            words = shlex.split(_note(folder / _ENV, named=bool(home)))
        except (OSError, ValueError):
            continue
        if words:
            return {name: value for name, _, value in (word.partition("=") for word in words)}
    return {}


def _note(path: Path, *, named: bool) -> str:
    """
    Return what `setpoint up` noted; a kubeconfig runs programs, so others' notes are not read.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
        return ""
    if not named and (found.st_uid != os.geteuid() or found.st_mode & _OTHERS):
        _warn(f"{path} is not used: `setpoint up` did not write it. {HOME} can name its folder")
        return ""
    return path.read_text(encoding="utf-8")


@cache
def _warn(text: str) -> None:
    typer.echo(f"warning: {text}", err=True)
