"""
What the system told, from the streams, and how large the streams are.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.common.system import System
from shared.bus import Bus, BusSettings

_PREFIX = "kustomize.toolkit.fluxcd.io/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    One drift event: the object as Kind/namespace/name, who did it, and from what to what by path.
    """

    object: str
    manager: str
    fields: Mapping[str, tuple[Any, Any]]
    message: str


@asynccontextmanager
async def bus_of(system: System) -> AsyncIterator[Bus]:
    """
    Give a connection as `NATS_URL` names it.
    """
    url = system.env["NATS_URL"]
    settings = BusSettings(url=url, user=urlsplit(url).username or "", name="bench")
    bus = await Bus.connect(settings)
    try:
        yield bus
    finally:
        await bus.close()


async def drifts(bus: Bus, *, after: int = 0) -> list[Told]:
    """
    Return the drift events in the order in which they were told.
    """
    found = []
    async for one in bus.read("EVENTS", "events.>", after=after):
        event = one.envelope.payload
        if event["reason"] != "DriftDetected":
            continue
        facts = {key.removeprefix(_PREFIX): value for key, value in event["metadata"].items()}
        rows = json.loads(facts["fields"])
        found.append(
            Told(
                object=facts["object"],
                manager=facts["manager"],
                fields={row["path"]: (row["from"], row["to"]) for row in rows},
                message=event["message"],
            )
        )
    return found


async def sizes(bus: Bus, *streams: str) -> dict[str, tuple[int, int]]:
    """
    Return messages and bytes of streams.
    """
    found = {}
    for name in streams:
        state = await bus.state(name)
        found[name] = state.get("messages", 0), state.get("bytes", 0)
    return found
