"""
Events that a notifier had in hand when it was killed.
"""

import asyncio
from datetime import UTC, datetime

from services.notifier.adapters.letters import BusLetters
from shared.bus.streams import DECLARED_BY
from shared.messages import Event, InvolvedObject
from shared.runtime import SystemClock
from tests.fixtures.nats import cut_off, running, until

ABOUT = InvolvedObject(
    api_version="kustomize.toolkit.fluxcd.io/v1", kind="Kustomization", name="app", namespace="apps"
)


def event(message):
    return Event(
        involved_object=ABOUT,
        severity="info",
        timestamp=datetime.now(UTC),
        message=message,
        reason="Progressing",
        reporting_controller="kustomize-controller",
    )


async def test_an_event_that_a_killed_notifier_held_comes_first_in_the_next(connect_bus):
    killed, alive = await connect_bus("notifier"), await connect_bus("notifier")
    await killed.declare(*DECLARED_BY["notifier"])
    before, after = (
        BusLetters(bus, cluster="local", clock=SystemClock()) for bus in (killed, alive)
    )
    held, got = asyncio.Event(), []

    async def hold(found, id_, trace):
        held.set()
        await asyncio.Event().wait()

    async def handle(found, id_, trace):
        got.append((found.message, id_))

    async def both_came():
        return len(got) == 2

    await before.say(event("first"), "e-1")
    async with running(before.events(hold)) as task:
        async with asyncio.timeout(20):
            await held.wait()
        cut_off(killed)
        task.cancel()
    await after.say(event("second"), "e-2")
    async with running(after.events(handle)):
        await until(both_came)
    assert got == [("first", "e-1"), ("second", "e-2")]
