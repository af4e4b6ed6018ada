"""
format, deliver: one order to one Provider, for as long as it takes.

Whoever calls hands over one order of a Provider after the other, so a Provider that fails for a
while keeps its order, and no other Provider waits for it.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import assert_never

import structlog

from services.notifier.core.catalog import Catalog, Key
from services.notifier.core.dedupe import delivery_id
from services.notifier.core.format import request_for, verdict_on
from services.notifier.core.obituary import given_up
from services.notifier.core.retry import LIFETIME, Again, GiveUp, after_failure
from services.notifier.core.target import target_of
from services.notifier.core.wire import Accepted, Later, Refused, Skipped, Verdict
from services.notifier.ports import Channel, Declarations, Letters, Memory, Witness
from shared.api import Provider
from shared.errors import SetpointError
from shared.messages import DeliveryOrder
from shared.runtime import Clock, point

log = structlog.get_logger()
_BURY_RETRY = 2.0  # seconds; the dead letter is stored as soon as the bus is back


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """
    How deliveries to a Provider go: ``trouble`` is empty when they arrive.
    """

    provider: Key
    trouble: str


@dataclass(frozen=True, slots=True)
class _Done:
    """
    Nothing is left to do for the order.
    """


class Deliver:
    """
    Delivers orders, and tells how it goes.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        declarations: Declarations,
        channel: Channel,
        letters: Letters,
        memory: Memory,
        witness: Witness,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._declarations = declarations
        self._channel = channel
        self._letters = letters
        self._memory = memory
        self._witness = witness
        self._clock = clock
        self._changed: dict[Key, asyncio.Event] = {}
        self.outlooks: asyncio.Queue[Outlook] = asyncio.Queue()

    def wake(self, key: Key) -> None:
        """
        Try again at once: the Provider was changed or is gone.
        """
        self._change_of(key).set()

    async def deliver(self, order: DeliveryOrder) -> None:
        """
        Deliver an order or bury it; return only then.
        """
        key = (order.provider_namespace, order.provider_name)
        id_ = delivery_id(order.event_id, order.provider_uid)
        tried = backoff = 0
        while not self._memory.knows(id_):
            self._change_of(key).clear()
            step = await self._step(order, id_, tried=tried, backoff=backoff)
            tried, backoff = tried + 1, backoff + 1
            match step:
                case _Done():
                    return
                case GiveUp(reason=reason):
                    await self._bury(order, id_, reason, tried)
                    return
                case Again(delay=delay):
                    if await self._pause(key, delay):
                        backoff = 0
                case _:
                    assert_never(step)

    async def _step(
        self, order: DeliveryOrder, id_: str, *, tried: int, backoff: int
    ) -> _Done | Again | GiveUp:
        key = (order.provider_namespace, order.provider_name)
        provider = self._catalog.provider(*key)
        if provider is None or provider.metadata.uid != order.provider_uid:
            return GiveUp("the Provider was deleted")
        now = self._clock.now()
        if provider.spec.suspend:
            left = (order.accepted + LIFETIME - now).total_seconds()
            return Again(left) if left > 0 else GiveUp("the Provider stayed suspended for 72 h")
        verdict = await self._attempt(order, id_, provider)
        match verdict:
            case Accepted():
                point("notifier.sent")
                await self._memory.remember(id_)
                point("notifier.remembered")
                self._witness.ended("delivered")
                self._tell(key, "")
                return _Done()
            case Skipped():
                self._witness.ended("skipped")
                return _Done()
            case Refused(reason=reason):
                self._tell(key, reason)
                return GiveUp(reason)
            case Later(reason=reason, after=after):
                self._witness.ended("failed")
                self._tell(key, reason)
                log.info(
                    "delivery failed", provider="/".join(key), attempts=tried + 1, error=reason
                )
                return after_failure(
                    attempts=backoff + 1,
                    accepted=order.accepted,
                    now=self._clock.now(),
                    asked=after,
                    jitter=random.random(),  # noqa: S311 -- spreads load
                    fault=reason,
                )
        assert_never(verdict)

    async def _attempt(
        self, order: DeliveryOrder, id_: str, provider: Provider
    ) -> Verdict | Skipped:
        try:
            secret = await self._secret_of(provider)
            target = target_of(provider, secret)
            now = self._clock.now()
            request = request_for(target, order, delivery_id=id_, now=now)
            if isinstance(request, Skipped):
                return request
            reply = await self._channel.send(request)
        except SetpointError as error:
            # Whatever it is, somebody can mend it within the lifetime of the order.
            return Later(reason=error.message, after=error.retry_after)
        return verdict_on(target, reply, self._clock.now())

    async def _secret_of(self, provider: Provider) -> dict[str, bytes]:
        if provider.spec.secret_ref is None:
            return {}
        namespace, name = provider.metadata.namespace, provider.spec.secret_ref.name
        found = await self._declarations.secret(namespace, name)
        return dict(found or {})

    async def _bury(self, order: DeliveryOrder, id_: str, reason: str, tried: int) -> None:
        while True:
            try:
                await self._letters.bury(order, id_=id_, reason=reason, attempts=tried)
            except SetpointError as error:
                log.info("dead letter not stored yet", error=error.message)
                await self._clock.sleep(_BURY_RETRY)
            else:
                break
        point("notifier.buried")
        self._witness.ended("buried")
        self._witness.record(given_up(order, reason, self._clock.now()))
        log.error(
            "delivery given up",
            provider=f"{order.provider_namespace}/{order.provider_name}",
            event_id=order.event_id,
            reason=reason,
        )

    async def _pause(self, key: Key, delay: float) -> bool:
        """
        Wait; say whether it ended early because the Provider was changed.
        """
        changed = asyncio.ensure_future(self._change_of(key).wait())
        slept = asyncio.ensure_future(self._clock.sleep(delay))
        try:
            await asyncio.wait({changed, slept}, return_when=asyncio.FIRST_COMPLETED)
            return changed.done()
        finally:
            for task in (changed, slept):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _tell(self, key: Key, trouble: str) -> None:
        self.outlooks.put_nowait(Outlook(provider=key, trouble=trouble))

    def _change_of(self, key: Key) -> asyncio.Event:
        return self._changed.setdefault(key, asyncio.Event())
