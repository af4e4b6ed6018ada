"""Where declarations may send a service."""

import socket

import pytest
from aiohttp.abc import AbstractResolver

from shared.errors import StalledError
from shared.runtime.addresses import AddressPolicy, PolicyResolver, TargetForbidden


class Answers(AbstractResolver):
    def __init__(self, *addresses):
        self.addresses = addresses

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
            for address in self.addresses
        ]

    async def close(self):
        self.addresses = ()


REFUSED = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd20:ce::254",
    "64:ff9b:1::a9fe:a9fe",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "not an address",
]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_of_this_machine_and_of_metadata_are_refused(address):
    assert not AddressPolicy().allows(address, 80)


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "fd12::1", "93.184.216.34"])
def test_private_and_public_addresses_are_allowed(address):
    assert AddressPolicy().allows(address, 443)


def test_a_setting_allows_loopback():
    policy = AddressPolicy(["127.0.0.0/8", "::1/128"])
    assert policy.allows("127.0.0.1", 8080)
    assert policy.allows("::1", 8080)
    assert not policy.allows("169.254.169.254", 80)


def test_the_api_server_stays_refused_in_every_spelling():
    policy = AddressPolicy(["127.0.0.0/8"], [("127.0.0.1", 6443), ("10.0.0.1", 443)])
    assert not policy.allows("127.0.0.1", 6443)
    assert not policy.allows("::ffff:127.0.0.1", 6443)
    assert not policy.allows("10.0.0.1", 443)
    assert policy.allows("127.0.0.1", 6444)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "https://[::1]:8443/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "gopher://example.com/",
        "file:///etc/passwd",
        "//example.com",
        "https://",
        "http://example.com:99999/",
        "http://[bad/",
        "",
    ],
)
def test_urls_that_need_no_lookup_are_refused_at_once(url):
    with pytest.raises(TargetForbidden):
        AddressPolicy().check_url(url)


def test_a_refusal_shows_no_path_and_no_credentials():
    with pytest.raises(TargetForbidden) as caught:
        AddressPolicy().check_url("http://user:hunter2@127.0.0.1/services/T000/secret")
    assert "hunter2" not in caught.value.message
    assert "secret" not in caught.value.message


def test_a_name_is_left_to_the_resolver():
    AddressPolicy().check_url("https://hooks.example.com/x")


async def test_the_resolver_refuses_when_any_answer_is_refused():
    resolver = PolicyResolver(AddressPolicy(), Answers("93.184.216.34", "127.0.0.1"))
    with pytest.raises(TargetForbidden, match=r"rebind\.example"):
        await resolver.resolve("rebind.example", 443)


async def test_the_resolver_hands_on_allowed_answers():
    resolver = PolicyResolver(AddressPolicy(), Answers("93.184.216.34"))
    found = await resolver.resolve("example.com", 443)
    assert [entry["host"] for entry in found] == ["93.184.216.34"]


def test_a_setting_that_is_no_network_says_which_setting():
    with pytest.raises(StalledError, match="SETPOINT_ALLOWED_CIDRS"):
        AddressPolicy(["127.0.0.1/99"])
