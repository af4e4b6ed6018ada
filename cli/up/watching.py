"""
Listen to the running system, so that it can be told what happens.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

from cli.letterbox import following
from cli.up.narrate import Fact, of_delivery, of_event, of_healed
from shared.bus import Bus
from shared.errors import MalformedError, SetpointError
from shared.kube import Kube
from shared.kube.watch import Changed
from shared.messages import Event, payload_as

# Ids of events: an outbox and a pass that is repeated may store one again.
REMEMBERED = 4096
# Seconds between looks at a file: it is shown to a person.
LOOK = 0.2

Tell = Callable[[Fact], None]


async def tell_events(bus: Bus, tell: Tell, since: datetime) -> None:
    """
    Tell the events of the bus that are newer than ``since``, until cancelled.
    """
    told: deque[str] = deque(maxlen=REMEMBERED)
    async for received in following(bus, "events.>", since):
        envelope = received.envelope
        if envelope.time < since or envelope.id in told:
            continue  # it waited in an outbox since a time before, or is repeated
        told.append(envelope.id)
        try:
            event = payload_as(envelope, Event)
        except MalformedError:
            continue  # `setpoint deadletters` has it
        for fact in of_event(event):
            tell(fact)


async def tell_healed(kube: Kube, namespace: str, tell: Tell) -> None:
    """
    Tell the Kubernetes Events about reverted drift, until cancelled.
    """
    events = await kube.resource("", "Event", "v1")
    watch = kube.watch(events, namespace=namespace, fields="reason=DriftCorrected")
    async with aclosing(watch) as following:
        async for seen in following:
            if isinstance(seen, Changed):
                tell(of_healed(seen.object))


async def tell_deliveries(log: Path, tell: Tell) -> None:
    """
    Tell the webhooks that arrive from now on, until cancelled.
    """
    async for entry in _lines(log):
        tell(of_delivery(entry))


async def _lines(log: Path) -> AsyncIterator[dict[str, Any]]:
    position = _size(log)
    while True:
        size = _size(log)
        if size < position:
            position = 0  # somebody has emptied it
        if size > position:
            text = await asyncio.to_thread(_read, log, position)
            whole = text[: text.rfind(b"\n") + 1]
            position += len(whole)
            for line in whole.splitlines():
                yield json.loads(line)
        await asyncio.sleep(LOOK)


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _read(log: Path, position: int) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(position)
            return file.read()
    except OSError:
        return b""


async def patiently(work: Callable[[], Any], pause: float = 2.0) -> None:
    """
    Begin again what an outage ended, until cancelled.
    """
    while True:
        try:
            await work()
        except SetpointError:
            await asyncio.sleep(pause)
