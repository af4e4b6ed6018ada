"""
The bus as a person's commands need it: connect, or say that it cannot be reached; follow events.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import urlsplit

from cli import place
from shared.bus import Bus, BusForbidden, BusSettings, Disconnected, Received
from shared.errors import StalledError, TransientError, WaitingError
from shared.messages import subjects

CONNECT_WAIT = 3.0  # seconds; a person waits
LOOK = 0.2  # seconds between looks: whoever only reads consumes nothing
_USER = "cli"


class NoBus(WaitingError):  # noqa: N818 - named for the fact, like its base
    """
    Nothing names NATS, or it cannot be reached.
    """

    default_reason = "NoBus"


@asynccontextmanager
async def connected() -> AsyncIterator[Bus]:
    """
    Give a connection to NATS.

    Raises:
        NoBus: Nothing names NATS, or it cannot be reached.

    """
    url = place.nats_url()
    if not url:
        raise NoBus(
            "nothing names NATS: give --nats, set NATS_URL, or start `setpoint up` in this folder"
        )
    try:
        # The user in the address decides on which inboxes the server lets us hear.
        user = urlsplit(url).username or _USER
        bus = await Bus.connect(
            BusSettings(url=url, user=user, name="setpoint-cli", connect_wait=CONNECT_WAIT)
        )
    except StalledError as error:
        raise NoBus(error.message) from None
    except ValueError:
        raise NoBus(
            "the address of NATS cannot be read; expected is the form nats://host:port"
        ) from None
    try:
        if not bus.connected:
            shown = url.rpartition("@")[2].removeprefix("nats://")
            if bus.line.refused.is_set():
                raise NoBus(
                    f"NATS at {shown} does not let user {user!r} in: is the password right?"
                )
            raise NoBus(f"NATS at {shown} cannot be reached: is it up?")
        yield bus
    finally:
        await bus.close()


async def refusal(bus: Bus) -> None:
    """
    Wait until NATS does not let us in any more: the address of a command holds its password.

    Raises:
        BusForbidden: That is so.

    """
    await bus.line.refused.wait()
    raise BusForbidden(
        f"NATS does not let user {bus.user!r} in any more; where its password has changed, start "
        "the command again with the new one"
    )


async def following(bus: Bus, filter_: str, since: datetime) -> AsyncIterator[Received]:
    """
    Yield the events that were stored since a moment and those that come, through every outage.
    """
    last, created = 0, ""
    while True:
        try:
            before, created = created, (await bus.state(subjects.EVENTS))["created"]
            if created != before:
                last = 0  # the stream was wiped, and counts from one
            async for received in bus.read(
                subjects.EVENTS, filter_, after=last, since=None if last else since
            ):
                last = received.stream_sequence
                yield received
        except Disconnected:
            await bus.line.up.wait()
        except TransientError:
            pass  # such as a stream that will be declared anew
        await asyncio.sleep(LOOK)
