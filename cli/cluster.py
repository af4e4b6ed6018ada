"""
The cluster as a person's commands need it: connect, and end with plain failures.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import structlog
import typer

from cli import place, words
from shared.api import KindInfo
from shared.errors import SetpointError, TransientError
from shared.kube import Kube, Resource

MANAGER = "setpoint-cli"
NAMESPACE = "flux-system"
USAGE, FAILED, INTERRUPTED = 2, 1, 130

Json = dict[str, Any]
T = TypeVar("T")

Namespace = Annotated[
    str,
    typer.Option(
        "-n",
        "--namespace",
        help="Namespace of the objects.",
        metavar="NAME",
        callback=words.object_name,
    ),
]
Everywhere = Annotated[bool, typer.Option("-A", "--all-namespaces", help="In all namespaces.")]
Timeout = Annotated[
    str, typer.Option("--timeout", metavar="TIME", help="How long to wait, such as 30s or 5m.")
]

# Reasons that say: not this command failed, but nobody could be asked.
_UNREACHABLE = frozenset(
    {"APIServerUnreachable", "Unauthorized", "KubeconfigInvalid", "BusDisconnected", "NoBus"}
)


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


def run(work: Callable[[Kube], Awaitable[T]]) -> T:
    """
    Connect to the cluster, do the work, and end plainly where it fails.
    """

    async def connected() -> T:
        kube = await Kube.connect(place.kubeconfig(), context=place.context(), name=MANAGER)
        try:
            return await work(kube)
        finally:
            await kube.close()

    return plainly(connected)


def plainly(work: Callable[[], Awaitable[T]], *, passed: tuple[type[SetpointError], ...] = ()) -> T:
    """
    Do the work; where it fails, say one clear line and end with the exit code for it.

    Args:
        work: What to do.
        passed: Failures for which the caller has another way.

    """
    # The log is for services: a person reads the one line below.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

    async def awaited() -> T:
        # A handler of the loop wakes it; one of the interpreter may be heard a minute later, when
        # the signal comes just before the loop goes to sleep.
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - we are in it
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
        try:
            return await work()
        except BaseExceptionGroup as group:
            # Of tasks that end together, the first that says why in words.
            known, _ = group.split(SetpointError)
            if known is None:
                raise
            raise _first(known) from None

    try:
        return asyncio.run(awaited())
    except SetpointError as error:
        if isinstance(error, passed):
            raise
        typer.echo(f"error: {error.message}", err=True)
        raise typer.Exit(USAGE if error.reason in _UNREACHABLE else FAILED) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(INTERRUPTED) from None


def _first(group: BaseExceptionGroup[SetpointError]) -> SetpointError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


async def existing(kube: Kube, info: KindInfo, namespace: str, name: str) -> Json:
    """
    Read one of our objects.

    Raises:
        TransientError: It is not there.

    """
    obj = await kube.get(resource_of(info), namespace, name)
    if obj is None:
        raise missing(info, namespace, name)
    return obj


def missing(info: KindInfo, namespace: str, name: str) -> TransientError:
    """
    Return what to say about an object that is not there.
    """
    return TransientError(f"{info.kind} {namespace}/{name} does not exist: is -n right?")


def condition_of(obj: Json, type_: str) -> Json:
    """
    Return a condition, empty if the object does not have it.
    """
    conditions = (obj.get("status") or {}).get("conditions") or ()
    found: Json = next((one for one in conditions if one.get("type") == type_), {})
    return found


def ready_of(obj: Json) -> Json:
    """
    Return the condition Ready; what nobody has looked at yet is waiting.
    """
    waiting = {"status": "False", "message": "waiting to be reconciled"}
    return condition_of(obj, "Ready") or waiting
