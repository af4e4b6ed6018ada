"""
One system for each file: a start takes ten seconds.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.rig import Rig, rigged


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """
    Give a converged system with its workload, which does not work yet, and its oracle.
    """
    async with rigged(tmp_path_factory.mktemp("faults")) as found:
        yield found
