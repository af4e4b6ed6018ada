"""
The wall clock jumps, for one service or for all: deadlines do not care, and nothing is lost.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.rig import Rig, rigged

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

SHIFTER = Path(__file__).parent / "system" / "clock"
SERVICES = ("source", "reconciler", "notifier")
HOUR, YEARS = 3600.0, 10 * 365 * 86400.0
JUMPED = 6.0  # seconds that a clock stays wrong


class Clocks:
    """
    The wall clocks of the services.
    """

    def __init__(self, folder: Path) -> None:
        self.files = {name: folder / f"clock-{name}" for name in SERVICES}
        for path in self.files.values():
            path.write_bytes(struct.pack("d", 0.0))

    def environment(self) -> dict[str, dict[str, str]]:
        return {
            name: {"PYTHONPATH": str(SHIFTER), "FAULTS_CLOCK": str(path)}
            for name, path in self.files.items()
        }

    def shift(self, name: str, seconds: float) -> None:
        with self.files[name].open("r+b") as file:
            file.write(struct.pack("d", seconds))


@pytest.fixture(scope="module")
def clocks(tmp_path_factory) -> Clocks:
    return Clocks(tmp_path_factory.mktemp("clocks"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(clocks: Clocks, tmp_path_factory) -> AsyncIterator[Rig]:
    folder = tmp_path_factory.mktemp("faults")
    async with rigged(folder, environment=clocks.environment()) as found:
        yield found


@contextlib.asynccontextmanager
async def jumped(
    rig: Rig, clocks: Clocks, names: tuple[str, ...], seconds: float
) -> AsyncIterator[None]:
    rig.workload.journal.clocks.add(seconds)
    for name in names:
        clocks.shift(name, seconds)
    try:
        yield
    finally:
        for name in names:
            clocks.shift(name, 0.0)


async def test_the_clock_of_a_service_really_jumps(rig: Rig, clocks: Clocks):
    then = datetime.now(UTC) + timedelta(seconds=YEARS)
    async with jumped(rig, clocks, ("source",), YEARS):
        await rig.workload.commit(sorted(rig.workload.slots)[:2])
        await rig.oracle.converged()
    resource = await rig.system.kube.resource("source.toolkit.fluxcd.io", "GitRepository")
    found = await rig.system.kube.get(resource, "flux-system", "faults")
    updated = datetime.fromisoformat(found["status"]["artifact"]["lastUpdateTime"])
    assert updated >= then.replace(microsecond=0)
    await rig.judged()


@pytest.mark.parametrize("seconds", [HOUR, -HOUR, YEARS], ids=["an hour on", "back", "ten years"])
async def test_all_clocks_jump_and_come_back(rig: Rig, clocks: Clocks, seconds: float):
    async with rig.workload.running():
        async with jumped(rig, clocks, SERVICES, seconds):
            await asyncio.sleep(JUMPED)
        await asyncio.sleep(2)
    await rig.judged()


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_that_starts_while_its_clock_is_wrong_works(
    rig: Rig, clocks: Clocks, name: str
):
    async with rig.workload.running(), jumped(rig, clocks, (name,), HOUR):
        await rig.system.services[name].kill()
        await asyncio.sleep(JUMPED)
    await rig.judged()
