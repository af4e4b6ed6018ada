"""
Each service is killed under load and comes back.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.oracle.record import Record
from tests.faults.rig import Rig
from tests.faults.workload.journal import Json, Key, fits
from tests.faults.workload.layout import FRAGILE
from tests.fixtures.nats import until

HEALED = 30.0  # seconds until a new reconciler has healed, on a busy machine
REASON = 10.0  # seconds in which a status has to say why
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["source", "reconciler", "notifier"])
async def test_a_service_that_is_killed_under_load_goes_on_where_it_was(rig: Rig, name: str):
    async with rig.workload.running():
        await asyncio.sleep(3)
        await rig.system.services[name].kill()
        await asyncio.sleep(3)
    await rig.judged()


@pytest.mark.timeout(180)
async def test_a_commit_that_cannot_be_applied_is_said_within_seconds(rig: Rig):
    work, record = rig.workload, rig.oracle.record
    await work.turn(readable=True)
    revision = f"main@sha1:{work.journal.latest.sha}"
    await until(_there(lambda: record.artifacts[-1].revision == revision), within=30)
    verdicts = record.verdicts[FRAGILE]
    await until(_there(lambda: verdicts[-1].ready == "False"), within=REASON)
    assert verdicts[-1].reason == "ReconciliationFailed"
    assert "Is_No_Name" in verdicts[-1].message
    await work.turn()
    await rig.judged()


@pytest.mark.timeout(180)
async def test_a_reconciler_that_starts_beside_a_broken_commit_heals_what_was_there(rig: Rig):
    work, record = rig.workload, rig.oracle.record
    await work.turn(readable=False)
    await until(_there(lambda: record.verdicts[FRAGILE][-1].reason == "BuildFailed"), within=30)
    expected = work.journal.expected()
    ours = [key for key, (name, _) in expected.items() if name == FRAGILE]
    ours = [key for key in ours if work.may_touch(key, FRAGILE)]
    await rig.system.services["reconciler"].kill()
    for change, key in zip((work.alter, work.remove), ours, strict=False):
        await change(key)
        await until(_there(lambda key=key: fits(expected[key][1], _live(record, key))), HEALED)
    await work.settle()
    await rig.judged()


def _live(record: Record, key: Key) -> Json | None:
    found = record.live(key)
    return found.obj if found else None


def _there(look: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def there() -> bool:
        return look()

    return there
