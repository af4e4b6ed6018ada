"""
Kubernetes Events for people who look with kubectl: best effort, never in the way.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from typing import Any, Protocol

import structlog

from shared.kube.errors import KubeError
from shared.kube.objects import Json
from shared.kube.resource import Resource
from shared.messages import Event

EVENTS = Resource(group="", version="v1", plural="events", kind="Event", namespaced=True)
QUEUE_LIMIT = 4096  # events, of 2 KB each; what does not fit is counted and dropped
PATIENCE = (
    0.1  # seconds that an event lets other work go first: under load ten are written a second
)
MESSAGE_LIMIT = 1024  # characters; the API's limit for notes
REASON_LIMIT = 128  # characters; the API's
NAME_LIMIT = 230  # characters; the API's 253 less the suffix that makes a name unique
ANNOTATION_LIMIT = 4096  # characters; people read these
# One key that is no annotation would cost the whole Event.
_ANNOTATION_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")

log = structlog.get_logger()


class Creator(Protocol):
    """
    The cluster, as the recorder needs it.
    """

    async def create(self, resource: Resource, obj: Json, *, manager: str = "") -> Json:
        """
        Create an object.
        """


async def _at_once() -> None:
    """
    Wait for nothing: there is no other work to let go first.
    """


class EventRecorder:
    """
    A bounded queue of events and the task that writes them.

    ``quiet`` waits until there is no other work; an event waits for that, but not for long.
    """

    def __init__(
        self,
        kube: Creator,
        *,
        limit: int = QUEUE_LIMIT,
        quiet: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:
        self._kube = kube
        self._quiet = quiet
        self._queue: asyncio.Queue[Event] = asyncio.Queue(limit)
        self.dropped = 0

    def record(self, event: Event) -> None:
        """
        Queue an event; a full queue drops it.
        """
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """
        Write what is queued, for ever, one after the other.
        """
        while True:
            event = await self._queue.get()
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await self._quiet()
                if not await write_event(self._kube, event):
                    self.dropped += 1
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        """
        Wait until all that is queued has been tried.
        """
        await self._queue.join()

    def __repr__(self) -> str:
        return f"EventRecorder(queued={self._queue.qsize()}, dropped={self.dropped})"


async def write_event(kube: Creator, event: Event) -> bool:
    """
    Try once to write an event; say whether it is there.
    """
    try:
        await kube.create(EVENTS, event_object(event, stamp=time.time_ns()))
    except KubeError as exc:
        log.debug("event not written", reason=event.reason, error=exc.message)
        return False
    return True


def event_object(event: Event, *, stamp: int) -> dict[str, Any]:
    """
    Return the core/v1 form of an event; ``stamp`` makes its name unique.
    """
    about = event.involved_object
    moment = event.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    group = about.api_version.rpartition("/")[0]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{about.name[:NAME_LIMIT]}.{stamp:x}",
            # Events about objects of the cluster live in "default", as everybody's do.
            "namespace": about.namespace or "default",
            "annotations": _annotations(event.metadata, group),
        },
        "involvedObject": about.model_dump(by_alias=True, exclude_defaults=True),
        "type": "Warning" if event.severity == "error" else "Normal",
        "reason": event.reason[:REASON_LIMIT],
        "message": event.message[:MESSAGE_LIMIT],
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": event.reporting_controller},
        "reportingComponent": event.reporting_controller,
        "reportingInstance": event.reporting_instance,
    }


def _annotations(metadata: Mapping[str, str], group: str) -> dict[str, str]:
    """
    Return the metadata under the group of the object, as the API's own controllers write it.
    """
    found = {}
    for key, value in metadata.items():
        prefix, _, name = key.rpartition("/")
        prefix = prefix or group
        if prefix and _ANNOTATION_NAME.fullmatch(name):
            found[f"{prefix}/{name}"] = value[:ANNOTATION_LIMIT]
    return found
