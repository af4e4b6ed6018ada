"""An address that a declaration names: no spelling of a forbidden one is allowed."""

import ipaddress
from urllib.parse import urlsplit

from shared.runtime.addresses import AddressPolicy, TargetForbidden

POLICY = AddressPolicy((), [("192.0.2.7", 443)])
FORBIDDEN = [
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/32", "224.0.0.0/4", "::1/128", "::/128")
]


def one(data):
    text = data.decode(errors="replace")
    try:
        POLICY.check_url(text)
    except TargetForbidden:
        return
    host = urlsplit(text).hostname
    assert host
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return  # a name, which is judged by what it resolves to
    mapped = getattr(found, "ipv4_mapped", None) or found
    assert not any(mapped in network for network in FORBIDDEN if network.version == mapped.version)
