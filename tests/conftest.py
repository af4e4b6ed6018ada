"""
Fixtures of all tests. Each file in tests/fixtures holds those of one area and is named here.
"""

from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("setpoint", deadline=None)
settings.load_profile("setpoint")

pytest_plugins = [
    "tests.fixtures.cluster",
    "tests.fixtures.nats",
    "tests.fixtures.notifier",
    "tests.fixtures.source",
    "tests.fixtures.reconciler",
    "tests.fixtures.audit",
]


@pytest.fixture(scope="session", autouse=True)
def kubectls_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """
    Let kubectl keep what it knows of clusters apart: by address, it knows dead ones too.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECACHEDIR", str(tmp_path_factory.mktemp("kubectl")))
        yield
