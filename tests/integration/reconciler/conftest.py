"""A reverse proxy between reconciler and API server, which counts what is sent."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.api_proxy import ApiProxy, api_proxy


@pytest.fixture
async def proxy(kubeconfig: Path) -> AsyncIterator[ApiProxy]:
    """Give a proxy before the API server."""
    async with api_proxy(kubeconfig) as running:
        yield running
