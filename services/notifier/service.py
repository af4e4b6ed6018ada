"""
The notifier: consume, match, format, deliver; receive, poke.

What the watches show goes into the catalog; events become orders; each Provider has a lane that
delivers them; calls of receivers become commands.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import structlog

from services.notifier.announce import Announce
from services.notifier.core.catalog import Catalog, Key
from services.notifier.deliver import Deliver
from services.notifier.dispatch import Dispatch
from services.notifier.lanes import Lanes
from services.notifier.ports import Bus, Declarations, Everything, Json, Seen, Vanished
from services.notifier.receive import Receive
from services.notifier.report import Report
from shared.errors import SetpointError
from shared.runtime import Clock

log = structlog.get_logger()
_ALERT, _PROVIDER, _RECEIVER = "Alert", "Provider", "Receiver"
# Providers first: whether an Alert works depends on its Provider.
_KINDS = (_PROVIDER, _ALERT, _RECEIVER)
_REVIEW_EVERY = 30.0  # seconds; Secrets are not watched, so what waits for one is looked at again


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """
    The steps that the service joins.
    """

    dispatch: Dispatch
    deliver: Deliver
    receive: Receive
    report: Report
    announce: Announce
    lanes: Lanes


class Service:
    """
    Joins the steps.
    """

    def __init__(
        self, *, steps: Steps, catalog: Catalog, declarations: Declarations, bus: Bus, clock: Clock
    ) -> None:
        self._steps = steps
        self._catalog = catalog
        self._declarations = declarations
        self._bus = bus
        self._clock = clock
        self._objects: dict[str, dict[Key, Json]] = {kind: {} for kind in _KINDS}
        self._synced = {kind: asyncio.Event() for kind in _KINDS}
        self._waiting: dict[tuple[str, Key], float] = {}
        self._reviewing = asyncio.Lock()
        steps.receive.look_again = self._look_at_receivers

    def __repr__(self) -> str:
        return f"Service({self._catalog!r}, {self._steps.lanes!r})"

    @property
    def missing(self) -> str:
        """
        What has not been read yet; empty when the service is ready.
        """
        kinds = [kind for kind, event in self._synced.items() if not event.is_set()]
        return f"not read yet: {', '.join(kinds)}" if kinds else ""

    async def run(self) -> None:
        """
        Work until cancelled.
        """
        async with asyncio.TaskGroup() as group:
            for kind in _KINDS:
                group.create_task(self._follow(kind), name=f"watch {kind}")
            group.create_task(self._review(), name="review")
            group.create_task(self._note_outlooks(), name="outlooks")
            group.create_task(self._steps.receive.run(), name="promised looks")
            await self._all_synced()
            self._steps.receive.ready = True
            log.info("ready", catalog=repr(self._catalog))
            group.create_task(self._steps.receive.catch_up(), name="missed calls")
            group.create_task(self._bus.events(self._steps.dispatch.dispatch), name="events")
            group.create_task(self._steps.lanes.run(), name="lanes")
            group.create_task(self._steps.announce.run(), name="announce")

    async def _all_synced(self) -> None:
        for event in self._synced.values():
            await event.wait()

    async def _follow(self, kind: str) -> None:
        if kind == _ALERT:
            await self._synced[_PROVIDER].wait()
        async for sighting in self._declarations.watch(kind):
            match sighting:
                case Everything(objects=objects):
                    now = {_key(data): data for data in objects}
                    for key in [key for key in self._objects[kind] if key not in now]:
                        self._vanished(kind, key)
                    for data in now.values():
                        await self._seen(kind, data)
                    self._synced[kind].set()
                case Seen(object=data):
                    await self._seen(kind, data)
                case Vanished(object=data):
                    self._vanished(kind, _key(data))

    async def _seen(self, kind: str, data: Json) -> None:
        key = _key(data)
        old = self._objects[kind].get(key)
        self._objects[kind][key] = data
        asked = old is None or _asked(old) != _asked(data)
        if asked and kind == _PROVIDER:
            self._steps.report.trouble(key, "")
        await self._look_at(kind, key)
        if asked and kind == _PROVIDER:
            self._steps.deliver.wake(key)
            self._steps.lanes.changed()
            await self._look_at_alerts(key)

    def _vanished(self, kind: str, key: Key) -> None:
        self._objects[kind].pop(key, None)
        self._waiting.pop((kind, key), None)
        match kind:
            case "Alert":
                self._catalog.put_rule(key, None)
            case "Receiver":
                self._catalog.put_hook(key, None)
            case _:
                self._catalog.put_provider(key, None)
                self._steps.report.forget(key)
                self._steps.deliver.wake(key)
                self._steps.lanes.changed()
                for alert, data in self._objects[_ALERT].items():
                    if (alert[0], _provider_of(data)) == key:
                        self._waiting[_ALERT, alert] = 0.0

    async def _look_at_alerts(self, provider: Key) -> None:
        for key, data in list(self._objects[_ALERT].items()):
            if (key[0], _provider_of(data)) == provider:
                await self._look_at(_ALERT, key)

    async def _look_at(self, kind: str, key: Key) -> None:
        async with self._reviewing:
            data = self._objects[kind].get(key)
            if data is None:
                return
            report = self._steps.report
            look = {_ALERT: report.alert, _PROVIDER: report.provider, _RECEIVER: report.receiver}
            usable = await look[kind](data)
        # A Receiver's interval is that of looks at its Secret; the others are told of changes.
        again = self._clock.monotonic() + _REVIEW_EVERY
        if kind == _RECEIVER and usable:
            again += report.interval_of(data)
        if kind == _RECEIVER or not usable:
            self._waiting[kind, key] = again
        else:
            self._waiting.pop((kind, key), None)

    async def _review(self) -> None:
        while True:
            await self._clock.sleep(1.0)
            now = self._clock.monotonic()
            due = [item for item, at in self._waiting.items() if at <= now]
            for kind, key in due:
                await self._look_at(kind, key)
                if kind == _PROVIDER and self._steps.report.renewed(key):
                    self._steps.deliver.wake(key)

    async def _look_at_receivers(self, keys: Collection[Key]) -> None:
        for key in keys or list(self._objects[_RECEIVER]):
            await self._look_at(_RECEIVER, key)

    async def _note_outlooks(self) -> None:
        while True:
            outlook = await self._steps.deliver.outlooks.get()
            if self._steps.report.trouble(outlook.provider, outlook.trouble):
                try:
                    await self._look_at(_PROVIDER, outlook.provider)
                except SetpointError as error:
                    log.info("provider not looked at", error=error.message)


def _key(data: Json) -> Key:
    return str(data["metadata"].get("namespace", "")), str(data["metadata"]["name"])


def _asked(data: Json) -> tuple[Any, ...]:
    """
    Return what a person changes about an object: a change of the status alone is none.
    """
    metadata = data["metadata"]
    annotations = metadata.get("annotations") or {}
    requested = annotations.get("reconcile.fluxcd.io/requestedAt", "")
    return metadata.get("uid"), metadata.get("generation"), requested


def _provider_of(data: Json) -> str:
    return str(((data.get("spec") or {}).get("providerRef") or {}).get("name", ""))
