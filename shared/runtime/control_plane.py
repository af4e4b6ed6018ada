"""
Where the API server and NATS are now, so that declarations may reach neither in any case.

Their names are looked up again and again: a service may start before the name of NATS means
anything, and a name may get other addresses.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.runtime.addresses import AddressPolicy
from shared.runtime.clock import Clock
from shared.runtime.names import Names

LOOK_EVERY = 30.0  # seconds
_PORTS = {"https": 443, "http": 80, "nats": 4222, "tls": 4222}

Endpoint = tuple[str, int]


class ControlPlane:
    """
    The addresses behind some URLs, and the policy that refuses them.
    """

    def __init__(self, *urls: str, names: Names | None = None) -> None:
        self._urls = urls
        self._names = names or Names()
        self._known: Mapping[str, frozenset[Endpoint]] = {}

    async def look(self, policy: AddressPolicy) -> None:
        """
        Look once; what cannot be looked up now stays where it was.
        """
        found = {url: await self._endpoints(url) for url in self._urls}
        self._known = {url: new or self._known.get(url, frozenset()) for url, new in found.items()}
        policy.refuse(frozenset[Endpoint]().union(*self._known.values()))

    async def follow(self, policy: AddressPolicy, clock: Clock) -> None:
        """
        Look for ever.
        """
        while True:
            await clock.sleep(LOOK_EVERY)
            await self.look(policy)

    async def _endpoints(self, url: str) -> frozenset[Endpoint]:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        try:
            addresses = await self._names.addresses(parts.hostname or "", port)
        except (OSError, UnicodeError):
            return frozenset()
        return frozenset((address, port) for address in addresses)
