"""
Tell the events of one object while its pass is waited for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

import typer

from cli import letterbox, place, tables
from cli.commands.events import Wanted, stored
from shared.api import KindInfo
from shared.errors import SetpointError
from shared.messages import Event

_LOOK = 0.2  # seconds between looks at the bus
_LAST_LOOK = 1.0  # seconds for the events of a pass that has ended


@asynccontextmanager
async def telling(
    info: KindInfo, namespace: str, name: str, since: datetime
) -> AsyncIterator[None]:
    """
    Print an object's new events until the body ends.

    To wait is the purpose and to tell is a favour: where no bus can be read, nothing is told.
    """
    wanted = Wanted(
        cluster=place.cluster(), kind=info.kind, namespace=namespace, name=name, since=since
    )
    ended = asyncio.Event()
    task = asyncio.create_task(_tell(wanted, ended))
    try:
        yield
        ended.set()
        # A service says what it did before it writes that it has ended.
        await asyncio.wait([task], timeout=_LAST_LOOK)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _tell(wanted: Wanted, ended: asyncio.Event) -> None:
    last = 0
    with suppress(SetpointError):
        async with letterbox.connected() as bus:
            while True:
                final = ended.is_set()
                async for sequence, event in stored(bus, wanted, after=last):
                    last = sequence
                    _say(event)
                if final:
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await ended.wait()


def _say(event: Event) -> None:
    typer.echo(f"  {event.reason}: {tables.short(event.message)}")
