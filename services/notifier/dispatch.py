"""
match, format the metadata, queue: an event becomes one order per Provider.
"""

import asyncio
from collections.abc import Mapping

import structlog

from services.notifier.core.catalog import Catalog
from services.notifier.core.dedupe import delivery_id
from services.notifier.core.match import (
    Rule,
    effort,
    labelled,
    needs_labels,
    sources_for,
    worded,
)
from services.notifier.core.metadata import combined
from services.notifier.core.recent import Recent
from services.notifier.core.target import check_supported
from services.notifier.ports import Declarations, Letters, Metadata
from shared.errors import SetpointError, StalledError
from shared.messages import DeliveryOrder, Event
from shared.runtime import Clock, point

log = structlog.get_logger()
_NOTHING: Mapping[str, str] = {}
_EFFORT = 1_000_000  # steps, about 10 ms; what may cost more holds a thread and not the loop


class Dispatch:
    """
    Queues an event for everybody who wants it.
    """

    def __init__(
        self, catalog: Catalog, declarations: Declarations, letters: Letters, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._declarations = declarations
        self._letters = letters
        self._clock = clock
        self._recent: Recent[Metadata] = Recent()

    async def dispatch(self, event: Event, event_id: str, trace: str) -> None:
        """
        Queue the event; when this returns, nothing of it can be lost any more.

        Two Alerts that send the same event to the same Provider make one order, by the first of
        them in the order of their names.

        Raises:
            TransientError: An order is not stored, or labels could not be read.

        """
        involved = _Involved(self._declarations, self._recent, self._clock, event)
        rules = await self._selecting(event, involved)
        if not rules:
            return
        annotations = await self._annotations(involved)
        served: set[tuple[str, str]] = set()
        for rule in rules:
            to = (rule.namespace, rule.provider)
            if to in served or not self._takes(to):
                continue
            served.add(to)
            order, id_ = self._order(rule, event, event_id, annotations)
            if order.provider_uid:
                await self._letters.enqueue(order, id_=id_, trace=trace)
            else:
                await self._letters.bury(
                    order, id_=id_, reason="the Provider does not exist", attempts=0
                )
            point("notifier.queued")

    async def _selecting(self, event: Event, involved: "_Involved") -> list[Rule]:
        selecting: list[Rule] = []
        for rule in self._catalog.rules:
            sources = sources_for(rule, event)
            if not sources or not await _passes(rule, event):
                continue
            if needs_labels(sources):
                found = await involved.metadata()
                if not labelled(sources, found.labels if found is not None else _NOTHING):
                    continue
            selecting.append(rule)
        return selecting

    async def _annotations(self, involved: "_Involved") -> Mapping[str, str]:
        # They decorate the event; the event does not wait for an API server that is away.
        try:
            found = await involved.metadata()
        except SetpointError as error:
            log.info("annotations not read", error=error.message)
            return _NOTHING
        return found.annotations if found is not None else _NOTHING

    def _takes(self, to: tuple[str, str]) -> bool:
        provider = self._catalog.provider(*to)
        if provider is None:
            return True
        try:
            check_supported(provider)
        except StalledError:
            return False  # its status and that of the Alert say so
        return not provider.spec.suspend

    def _order(
        self, rule: Rule, event: Event, event_id: str, annotations: Mapping[str, str]
    ) -> tuple[DeliveryOrder, str]:
        final, disputed = combined(event, rule.alert, annotations)
        if disputed:
            log.info(
                "metadata of an event overridden",
                name=rule.alert.metadata.name,
                namespace=rule.namespace,
                keys=list(disputed),
            )
        provider = self._catalog.provider(rule.namespace, rule.provider)
        uid = provider.metadata.uid if provider is not None else ""
        order = DeliveryOrder(
            event=final,
            event_id=event_id,
            alert_namespace=rule.namespace,
            alert_name=rule.alert.metadata.name,
            provider_namespace=rule.namespace,
            provider_name=rule.provider,
            provider_uid=uid,
            accepted=self._clock.now(),
        )
        return order, delivery_id(event_id, uid or f"{rule.namespace}/{rule.provider}")


class _Involved:
    """
    The object that an event is about, read when it is needed, and once for a burst of events.
    """

    def __init__(
        self, declarations: Declarations, recent: Recent[Metadata], clock: Clock, event: Event
    ) -> None:
        self._declarations = declarations
        self._recent = recent
        self._clock = clock
        self._object = event.involved_object
        self._found: Metadata | None = None
        self._read = False

    async def metadata(self) -> Metadata | None:
        """
        Return its labels and annotations; None if it is gone.
        """
        if not self._read:
            asked = self._clock.monotonic()
            self._found = self._recent.get(self._object, asked)
            if self._found is None:
                self._found = await self._declarations.metadata(self._object)
                if self._found is not None:
                    self._recent.put(self._object, self._found, asked)
            self._read = True
        return self._found


async def _passes(rule: Rule, event: Event) -> bool:
    if effort(rule, event) < _EFFORT:
        return worded(rule, event)
    return await asyncio.to_thread(worded, rule, event)
