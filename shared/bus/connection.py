"""
The connection to NATS: the only module that knows the client library.

It offers send, request, inboxes and mailboxes. Replies come in through one subscription. Every wait
has a deadline, and ends at once when the connection is lost or the server refuses the subject,
which it says asynchronously.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from shared.bus.ending import end
from shared.bus.errors import BusForbidden, Disconnected
from shared.bus.inboxes import Inboxes
from shared.bus.line import Line, says_refused, subject_refused
from shared.bus.peer import Peer
from shared.bus.waiting import Message, Waiting
from shared.errors import MalformedError, StalledError

log = structlog.get_logger()

PING_INTERVAL = 5  # seconds; with two unanswered pings a stopped server is noticed in 15
PINGS = 2
RECONNECT_WAIT = 0.2  # seconds between attempts, for ever
RECONNECT_JITTER = 0.1  # seconds on top, so that many clients do not come at once
CONNECT_TIMEOUT = 2  # seconds for one attempt
FLUSH_TIMEOUT = 60  # seconds; longer than the library takes to give a stopped server up
CLOSE_TIMEOUT = 2.0  # seconds; a stopped server must not hold us
# Bytes that wait to be written. Above it we refuse at once: the library would wait ten seconds,
# and swallow a cancellation meanwhile.
PENDING_LIMIT = 8 * 1024 * 1024


class Connection:
    """
    One connection that comes back for ever, until it is closed.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._client = Client()
        self.inboxes = Inboxes(peer.inbox)
        self.waiting = Waiting()
        self._flushing: set[asyncio.Task[bool]] = set()
        self._ready = False
        self._closing = False
        self._started: asyncio.Task[None] | None = None
        self.line = Line()
        self.epoch = 0  # one more per established connection
        self.on_up: Callable[[], None] = _nothing

    @property
    def connected(self) -> bool:
        """
        Say whether NATS is there now.
        """
        return self._ready and self._client.is_connected

    async def start(self, wait: float) -> None:
        """
        Begin to connect, and wait a while for it or a refusal; it goes on in the background.

        Raises:
            StalledError: The address can never work.

        """
        self._started = asyncio.create_task(self._connect(), name="nats-connect")
        refused = asyncio.create_task(self.line.refused.wait())
        try:
            first = {self._started, refused}
            await asyncio.wait(first, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        finally:
            refused.cancel()
        if self._started.done() and (error := self._started.exception()) is not None:
            raise StalledError(
                f"NATS at {self._peer.shown}: {error or type(error).__name__}; expected an "
                "address of the form nats://host:port"
            ) from error

    async def close(self) -> None:
        """
        Send what waits, and leave.
        """
        self._closing = True
        self._fail_all("the connection is being closed")
        await end(self._started)
        with suppress(Disconnected):
            await self.ping(CLOSE_TIMEOUT)
        self._ready = False
        # The library itself waits for its way back no longer than for a pause between attempts.
        await end(self._client._reconnection_task)  # noqa: SLF001 -- nothing else would end it
        # A timeout is an OSError; the assertion says that the library was never started.
        with suppress(NatsError, OSError, AssertionError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._client.close()
        for flush in list(self._flushing):
            flush.cancel()

    async def send(
        self,
        subject: str,
        data: bytes = b"",
        *,
        reply: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """
        Hand a message to the server, unconfirmed.

        Raises:
            Disconnected: There is no server, or it does not take our data.
            MalformedError: The message is larger than the server accepts.

        """
        if not self.connected:
            raise Disconnected(f"NATS at {self._peer.shown} is not connected")
        if len(data) > self._client.max_payload:
            raise MalformedError(
                f"message for {subject} has {len(data)} bytes, the server accepts "
                f"{self._client.max_payload}",
                reason="MessageTooLarge",
            )
        if self._client.pending_data_size + len(data) > PENDING_LIMIT:
            raise Disconnected(f"NATS at {self._peer.shown} does not read what it is sent")
        try:
            await self._client.publish(subject, data, reply=reply, headers=headers)
        except (NatsError, OSError) as error:
            raise Disconnected(
                f"NATS at {self._peer.shown}: {error or type(error).__name__}"
            ) from error

    async def request(
        self,
        subject: str,
        data: bytes = b"",
        *,
        within: float,
        headers: dict[str, str] | None = None,
    ) -> Message:
        """
        Send a message and return the first answer.

        Raises:
            Disconnected: No answer in time, or the connection was lost.
            BusForbidden: The server does not let us speak there.

        """
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def answer(message: Message) -> None:
            if not future.done():
                future.set_result(message)

        with self.inboxes.open(answer) as reply, self.waiting.watch(subject, future):
            await self.send(subject, data, reply=reply, headers=headers)
            try:
                async with asyncio.timeout(within):
                    return await future
            except TimeoutError as error:
                raise Disconnected(
                    f"NATS at {self._peer.shown} did not answer on {subject} within {within:g} s"
                ) from error

    @asynccontextmanager
    async def mailbox(self, handler: Callable[[Message], Awaitable[None]]) -> AsyncIterator[str]:
        """
        Subscribe to an address of its own; a delivery does not say which inbox it is for.

        Raises:
            Disconnected: NATS is not there.

        """
        if not self.connected:
            raise Disconnected(f"NATS at {self._peer.shown} is not connected")

        async def take(message: Msg) -> None:
            await handler(_message(message))

        address = f"{self._peer.inbox}.{secrets.token_hex(8)}"
        subscription = await self._client.subscribe(address, cb=take)
        try:
            yield address
        finally:
            with suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def ping(self, within: float = 1.0) -> None:
        """
        Go to the server and back.
        """
        if not self.connected:
            raise Disconnected(f"NATS at {self._peer.shown} is not connected")
        # Not cancelled at our deadline: the answer to a cancelled flush ends the library's reading.
        flush = asyncio.create_task(_flush(self._client), name="nats-flush")
        self._flushing.add(flush)
        flush.add_done_callback(self._flushing.discard)
        await asyncio.wait({flush}, timeout=within)
        if not flush.done() or flush.cancelled() or not flush.result():
            raise Disconnected(f"NATS at {self._peer.shown} did not answer within {within:g} s")

    def __repr__(self) -> str:
        state = "up" if self.connected else "closed" if self.line.closed.is_set() else "down"
        return f"<Connection {self._peer.user}@{self._peer.shown} {state} epoch={self.epoch}>"

    async def _connect(self) -> None:
        await self._client.connect(
            self._peer.url,
            name=self._peer.name,
            user=self._peer.user or None,
            password=self._peer.password if self._peer.password_file is not None else None,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_WAIT + random.uniform(0, RECONNECT_JITTER),  # type: ignore[arg-type]  # noqa: S311 -- spreads load
            connect_timeout=CONNECT_TIMEOUT,
            ping_interval=PING_INTERVAL,
            max_outstanding_pings=PINGS,
            pending_size=4 * PENDING_LIMIT,
            error_cb=self._on_error,
            disconnected_cb=self._on_down,
            reconnected_cb=self._on_up,
            closed_cb=self._on_closed,
        )
        await self._client.subscribe(f"{self.inboxes.prefix}.>", cb=self._on_message)
        await self._on_up()

    async def _on_message(self, message: Msg) -> None:
        self.inboxes.take(_message(message))

    async def _on_up(self) -> None:
        self._ready = True
        self.epoch += 1
        self.line.up.set()
        self.line.refused.clear()
        log.info("bus connected", epoch=self.epoch)
        self.on_up()

    async def _on_down(self) -> None:
        self.line.up.clear()
        self._fail_all("the connection was lost")
        log.info("bus disconnected") if self._closing else log.warning("bus disconnected")

    async def _on_closed(self) -> None:
        self._fail_all("the server ended the connection for good")
        self._ready = False
        self.line.up.clear()
        if not self._closing:
            log.error("bus connection refused for good")
            self.line.refused.set()
            self.line.closed.set()

    async def _on_error(self, error: Exception) -> None:
        if self._client.is_connecting and (attempt := self._client._transport):  # noqa: SLF001
            attempt.close()  # type: ignore[no-untyped-call]  # the next would leave it open
        if says_refused(error) and not self.line.refused.is_set():
            self.line.refused.set()
            log.error("bus login refused", user=self._peer.user)
        refused = subject_refused(error)
        if not refused:
            log.debug("bus error", error=str(error) or type(error).__name__)
            return
        for subject in self.waiting.on(refused) or [refused]:
            log.error("bus permission refused", subject=subject)
            self.waiting.fail(
                BusForbidden(
                    f"NATS does not let user {self._peer.user!r} publish on {subject}; "
                    "its permissions in the server's configuration must allow it"
                ),
                subject,
            )

    def _fail_all(self, why: str) -> None:
        self.waiting.fail(Disconnected(f"NATS at {self._peer.shown}: {why}"))


def _nothing() -> None: ...


async def _flush(client: Client) -> bool:
    with suppress(NatsError, OSError):
        await client.flush(timeout=FLUSH_TIMEOUT)
        return True
    return False


def _message(message: Msg) -> Message:
    return Message.of(message.subject, message.reply, message.data, message.headers or {})
