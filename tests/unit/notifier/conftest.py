"""The notifier's steps on fakes."""

import asyncio

import pytest

from services.notifier.core.catalog import Catalog
from services.notifier.deliver import Deliver
from services.notifier.dispatch import Dispatch
from services.notifier.receive import Receive
from tests.fakes.clock import FakeClock
from tests.fakes.notifier.ports import (
    FakeBus,
    FakeChannel,
    FakeDeclarations,
    FakeLetters,
    FakeMemory,
    FakeWitness,
)


async def settle():
    """Let everything run that can run without time passing."""
    for _ in range(50):
        await asyncio.sleep(0)


class World:
    """The steps, joined by hand."""

    def __init__(self):
        self.clock = FakeClock()
        self.catalog = Catalog()
        self.declarations = FakeDeclarations()
        self.channel = FakeChannel()
        self.letters = FakeLetters()
        self.memory = FakeMemory()
        self.witness = FakeWitness()
        self.bus = FakeBus()
        self.deliver = Deliver(
            catalog=self.catalog,
            declarations=self.declarations,
            channel=self.channel,
            letters=self.letters,
            memory=self.memory,
            witness=self.witness,
            clock=self.clock,
        )
        self.dispatch = Dispatch(self.catalog, self.declarations, self.letters, self.clock)
        self.receive = Receive(self.catalog, self.declarations, self.bus, self.clock)
        self.tasks = []

    def run(self, work):
        task = asyncio.create_task(work)
        self.tasks.append(task)
        return task

    async def pass_time(self, seconds, step=1.0):
        passed = 0.0
        while passed < seconds:
            await settle()
            self.clock.advance(min(step, seconds - passed))
            passed += step
        await settle()


@pytest.fixture
async def world():
    found = World()
    yield found
    for task in found.tasks:
        task.cancel()
    await asyncio.gather(*found.tasks, return_exceptions=True)
