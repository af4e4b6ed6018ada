"""
Which addresses a service may be sent to by what a repository or a tenant declares.

Link-local (cloud metadata among it), loopback, unspecified and multicast addresses, and the
endpoints of the API server and of NATS, are refused; private ranges are allowed, since most origins
are there. ``PolicyResolver`` checks what a name resolves to, at connect, so that a second answer of
a name server changes nothing. ``guarded`` judges the very address that a socket is made for: what
one reader of a URL takes for a name may be a literal address to the next.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from shared.errors import StalledError
from shared.runtime.names import Names

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_PORTS = {"http": 80, "https": 443}
# Prefixes that carry an IPv4 address inside: NAT64 and 6to4.
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
# Where clouds tell a machine its credentials, beside the link-local address.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)


class TargetForbidden(StalledError):  # noqa: N818 -- the field's reason, as it is shown
    """
    The address is one that declarations may not reach.
    """

    default_reason = "TargetForbidden"


class AddressPolicy:
    """
    Decides about resolved addresses; does no I/O.

    Args:
        allowed_cidrs: Networks that are allowed although they would be refused, such as
            ``127.0.0.0/8`` on a developer's machine.
        refused: Pairs of address and port that are refused in any case, until ``refuse`` names
            others.

    """

    def __init__(
        self, allowed_cidrs: Iterable[str] = (), refused: Iterable[tuple[str, int]] = ()
    ) -> None:
        try:
            self._allowed: tuple[IPNetwork, ...] = tuple(
                ipaddress.ip_network(text, strict=False) for text in allowed_cidrs
            )
        except ValueError as exc:
            raise StalledError(
                f"setting SETPOINT_ALLOWED_CIDRS is not valid: {exc}. Write networks such as "
                "127.0.0.0/8, with commas between them"
            ) from exc
        self.refuse(refused)

    def refuse(self, endpoints: Iterable[tuple[str, int]]) -> None:
        """
        Refuse these pairs of address and port from now on, and no others.
        """
        self._refused = frozenset(
            (_plain(ipaddress.ip_address(address.partition("%")[0])), port)
            for address, port in endpoints
        )

    def allows(self, address: str, port: int) -> bool:
        """
        Say whether a resolved address may be dialled.
        """
        try:
            found = _plain(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        if (found, port) in self._refused:
            return False
        if any(found in network for network in self._allowed):
            return True
        return not (
            found.is_loopback
            or found.is_link_local
            or found.is_unspecified
            or found.is_multicast
            or found in _METADATA
        )

    def check(self, host: str, address: str, port: int) -> None:
        """
        Refuse an address that a host name resolved to.

        Raises:
            TargetForbidden: It may not be dialled.

        """
        if not self.allows(address, port):
            raise TargetForbidden(
                f"host {host} port {port} is at {address}, which declarations may not reach: "
                "name another host, or allow its network with SETPOINT_ALLOWED_CIDRS"
            )

    def check_url(self, url: str) -> None:
        """
        Refuse what no lookup is needed for: other schemes, no host, a forbidden literal address.

        Raises:
            TargetForbidden: The URL may not be used. The message holds no path and no credentials.

        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            host, port = None, None
        if host is None or port is None:
            raise TargetForbidden("the address is no http or https URL with a host: correct it")
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return
        self.check(host, host, port)


class PolicyResolver(AbstractResolver):
    """
    A resolver for aiohttp that answers with allowed addresses only, or refuses.
    """

    def __init__(self, policy: AddressPolicy, inner: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._inner = inner or Names()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """
        Resolve, and refuse if any of the addresses is refused.
        """
        found: Sequence[ResolveResult] = await self._inner.resolve(host, port, family)
        for entry in found:
            self._policy.check(host, entry["host"], port)
        return list(found)

    async def close(self) -> None:
        """
        Close the inner resolver.
        """
        await self._inner.close()


def guarded(policy: AddressPolicy) -> Callable[[tuple[Any, ...]], socket.socket]:
    """
    Return what makes the sockets of aiohttp, for allowed addresses only.
    """

    def make(found: tuple[Any, ...]) -> socket.socket:
        family, type_, proto, _, (address, port, *_) = found
        policy.check(str(address), str(address), int(port))
        return socket.socket(family=family, type=type_, proto=proto)

    return make


def _plain(address: IPAddress) -> IPAddress:
    # One address has several spellings: ::ffff:127.0.0.1 is 127.0.0.1, by NAT64 and 6to4 too.
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if any(address in network for network in _NAT64):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
