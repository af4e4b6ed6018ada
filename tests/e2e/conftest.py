"""
One running system per module: its start takes ten seconds.
"""

from collections.abc import Iterator

import pytest

from tests.e2e.system import System


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """
    Give `setpoint up` when the example is Ready.
    """
    running = System(tmp_path_factory.mktemp("system"))
    try:
        running.wait_ready()
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()
