"""
One system for each file: a start takes ten seconds.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.rig import Rig, rigged

LONGEST = "test_kills.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Begin with the one test that takes as long as half of the others: one core would have it alone.
    """
    items.sort(key=lambda one: one.path.name != LONGEST)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """
    Give a converged system with its workload, which does not work yet, and its oracle.
    """
    async with rigged(tmp_path_factory.mktemp("faults")) as found:
        yield found
