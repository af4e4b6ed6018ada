"""
A cluster, a namespace of the test's own in it.
"""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from yarl import URL

from shared.kube import Kube
from tests.fixtures.api_proxy import ApiProxy, api_proxy
from tests.fixtures.kube_objects import NAMESPACE
from tests.fixtures.proxy import Proxy, proxy_before


@pytest_asyncio.fixture
async def kube(kubeconfig: Path) -> AsyncIterator[Kube]:
    """
    Give a client of the cluster.
    """
    client = await Kube.connect(kubeconfig, name="setpoint-test")
    yield client
    await client.close()


@pytest_asyncio.fixture
async def ns(kube: Kube) -> AsyncIterator[str]:
    """
    Give the name of a new namespace, which goes after the test.
    """
    name = f"test-kube-{secrets.token_hex(4)}"
    await kube.create(
        NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    )
    yield name
    await kube.delete(NAMESPACE, "", name)


@pytest_asyncio.fixture
async def proxy(kubeconfig: Path) -> AsyncIterator[ApiProxy]:
    """
    Give a reverse proxy before the API server.
    """
    async with api_proxy(kubeconfig) as running:
        yield running


@pytest_asyncio.fixture
async def proxied(proxy: ApiProxy, tmp_path: Path) -> AsyncIterator[Kube]:
    """
    Give a client that goes through the reverse proxy.
    """
    client = await Kube.connect(proxy.kubeconfig(tmp_path), name="setpoint-test")
    yield client
    await client.close()


@pytest_asyncio.fixture
async def wire(proxy: ApiProxy) -> AsyncIterator[Proxy]:
    """
    Give a TCP proxy before the reverse proxy, which speaks plain HTTP at any port.
    """
    url = URL(proxy.url)
    async with proxy_before(str(url.host), int(url.port or 0)) as running:
        yield running


@pytest_asyncio.fixture
async def wired(proxy: ApiProxy, wire: Proxy, tmp_path: Path) -> AsyncIterator[Kube]:
    """
    Give a client that goes through both proxies.
    """
    path = proxy.kubeconfig(tmp_path)
    path.write_text(path.read_text().replace(proxy.url, f"http://127.0.0.1:{wire.port}"))
    client = await Kube.connect(path, name="setpoint-test")
    yield client
    await client.close()
