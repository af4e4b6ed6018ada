"""
Consume a stream: pull, handle, answer; for ever, whatever happens to the server.

One pull is under way at a time. It asks for one message, so that nothing waits behind a slow
handler. A lost connection or a deleted consumer ends the pull at once. The message that a killed
process held comes back when its deadline is over, and behind newer ones, unless it is taken over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from shared.bus.deadletters import put_aside
from shared.bus.delivery import Delivery, Received
from shared.bus.errors import Disconnected, NoStream
from shared.bus.jetstream import API_TIMEOUT, JetStream
from shared.bus.keeper import Keeper
from shared.bus.outcome import CRASHES, Ack, Nak, Outcome, Term, outcome_of
from shared.bus.pull import Pull
from shared.bus.suspects import Suspects
from shared.errors import SetpointError
from shared.messages import decode

log = structlog.get_logger()

RETRY = 0.5  # seconds before a missing stream is looked for again
REFUSED_RETRY = 2.0  # seconds
SETTLE = 0.01  # seconds after a reconnect
NOT_STORED_DELAY = 30.0  # seconds until a dead letter is tried again
TAKEN_OVER = 256  # messages, of which a killed process can have held one
INACTIVE = 300.0  # seconds after which the server forgets a consumer without a name
_NANO = 1_000_000_000

Handler = Callable[[Received], Awaitable[Outcome]]
Deliver = Literal["all", "last_per_subject", "new"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSpec:
    """
    Which messages of a stream, from where on.

    ``takes_over`` says that what the process before us held comes first.
    """

    stream: str
    name: str
    durable: bool
    filters: Sequence[str]
    deliver: Deliver
    ack_wait: float
    takes_over: bool = False

    def config(self) -> dict[str, Any]:
        """
        Return the form of JetStream's API.
        """
        config: dict[str, Any] = {
            "name": self.name,
            "deliver_policy": self.deliver,
            "ack_policy": "explicit",
            "ack_wait": int(self.ack_wait * _NANO),
            "max_deliver": -1,
            # Messages that wait for their delay count too: they must not hold up the others.
            "max_ack_pending": 10_000,
            "filter_subjects": list(self.filters),
        }
        if self.durable:
            return {**config, "durable_name": self.name}
        return {**config, "inactive_threshold": int(INACTIVE * _NANO)}


class Consumer:
    """
    A worker on one consumer of the server.
    """

    def __init__(
        self,
        jetstream: JetStream,
        keeper: Keeper,
        suspects: Suspects,
        spec: ConsumerSpec,
        handler: Handler,
    ) -> None:
        self._jetstream = jetstream
        self._connection = jetstream.connection
        self._keeper = keeper
        self._suspects = suspects
        self._spec = spec
        self._handler = handler
        self._begun = not spec.takes_over

    async def run(self) -> None:
        """
        Work until cancelled.
        """
        while True:
            try:
                await self._make()
                pull = Pull(self._connection, self._spec.stream, self._spec.name)
                async with pull.listening():
                    while True:
                        message = await pull.next()
                        if message is not None:
                            await self._handle(Delivery.of(message))
            except SetpointError as error:
                await self._recover(error)

    async def _recover(self, error: SetpointError) -> None:
        match error:
            case NoStream():
                self._keeper.look()
                await asyncio.sleep(RETRY)
            case Disconnected():
                await self._connection.line.up.wait()
                await asyncio.sleep(SETTLE)
            case _:
                log.warning("consumer refused", stream=self._spec.stream, error=error.message)
                await asyncio.sleep(REFUSED_RETRY)

    async def _make(self) -> None:
        await self._keeper.watch(self._spec.stream)
        await self._create()
        if not self._begun:
            await self._take_over()
            self._begun = True

    async def _create(self) -> dict[str, Any]:
        stream, name = self._spec.stream, self._spec.name
        return await self._jetstream.call(
            f"CONSUMER.CREATE.{stream}.{name}",
            {"stream_name": stream, "config": self._spec.config()},
        )

    async def _take_over(self) -> None:
        """
        Say no, in the place of a process that is gone, to all that it was handed.

        What it has not answered comes again before anything newer; once also what waits for its
        delay. The server passes over what is answered.
        """
        # A server that has just started may say first what it knew before.
        info = await self._create()
        if not info["num_ack_pending"]:
            return
        where, last = f"$JS.ACK.{self._spec.stream}.{self._spec.name}", info["delivered"]
        floor, until = int(info["ack_floor"]["stream_seq"]), int(last["stream_seq"])
        for sequence in range(max(floor, until - TAKEN_OVER) + 1, until + 1):
            # As the server's own address of an answer; it reads the sequences only.
            address = f"{where}.1.{sequence}.{last['consumer_seq']}.0.0"
            await self._connection.request(address, b"-NAK", within=API_TIMEOUT)

    async def _handle(self, delivery: Delivery) -> None:
        self._keeper.reached(delivery.stream, delivery.sequence)
        try:
            await self._answer(delivery, await self._outcome(delivery))
        except asyncio.CancelledError:
            self._suspects.broken_off(delivery.key, delivery.attempts)
            await self._quietly(delivery.nak(self._connection, 0))
            raise

    async def _outcome(self, delivery: Delivery) -> Outcome:
        if self._suspects.begin(delivery.key, delivery.attempts) >= CRASHES:
            return Term(f"the handler failed or ended its process {CRASHES} times")
        crashes = 0
        try:
            received = Received(
                subject=delivery.message.subject,
                envelope=decode(delivery.message.data),
                attempts=delivery.attempts,
                stream_sequence=delivery.sequence,
            )
            outcome = await self._run(received, delivery)
        except SetpointError as error:
            outcome = outcome_of(error, delivery.attempts)
        except Exception as error:
            crashes = self._suspects.crashed(delivery.key)
            log.exception("handler failed", subject=delivery.message.subject, crashes=crashes)
            outcome = outcome_of(error, delivery.attempts, crashes=crashes)
        if not crashes or isinstance(outcome, Term):
            self._suspects.ended(delivery.key)
        return outcome

    async def _run(self, received: Received, delivery: Delivery) -> Outcome:
        # No task group: it would wrap what the handler raises.
        beat = asyncio.create_task(self._beat(delivery))
        try:
            return await self._handler(received)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled us: passed on, it would end this worker without a word.
            raise RuntimeError("the handler was cancelled from within") from error
        finally:
            # Not waited for: between a handler's end and its answer nothing may cancel us.
            beat.cancel()

    async def _beat(self, delivery: Delivery) -> None:
        while True:
            await asyncio.sleep(self._spec.ack_wait / 2)
            await self._quietly(delivery.working(self._connection))

    async def _answer(self, delivery: Delivery, outcome: Outcome) -> None:
        match outcome:
            case Ack():
                await self._quietly(delivery.ack(self._connection))
            case Nak(delay=delay):
                await self._quietly(delivery.nak(self._connection, delay))
            case Term(reason=reason):
                try:
                    await put_aside(self._jetstream, delivery, reason)
                except SetpointError as error:
                    log.warning("dead letter not stored", error=error.message)
                    await self._quietly(delivery.nak(self._connection, NOT_STORED_DELAY))
                else:
                    await self._quietly(delivery.term(self._connection, reason))

    async def _quietly(self, answer: Awaitable[None]) -> None:
        # An answer that does not arrive means a second delivery, for which every handler is made.
        try:
            await answer
        except SetpointError as error:
            log.debug("answer not sent", error=error.message)
