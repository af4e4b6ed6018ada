"""
One running system per module: its start takes ten seconds.
"""

from collections.abc import Generator, Iterator

import pytest

from tests.e2e.system import System

SHOWN = 8_000  # characters of each log


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """
    Show with a failure what the services said last: their folder is gone when somebody looks.
    """
    report = yield
    running = item.funcargs.get("system") if isinstance(item, pytest.Function) else None
    if report.failed and isinstance(running, System):
        for log in sorted(running.state.glob("logs/**/*.log")):
            report.sections.append((log.name, log.read_text(errors="replace")[-SHOWN:]))
    return report
