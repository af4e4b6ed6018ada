"""The API server and NATS are refused wherever their names lead."""

import asyncio
from contextlib import suppress

from shared.runtime.addresses import AddressPolicy
from shared.runtime.control_plane import LOOK_EVERY, ControlPlane
from shared.runtime.names import Names
from tests.fakes.clock import FakeClock


class Directory(Names):
    def __init__(self, **known):
        super().__init__()
        self.known = known

    async def addresses(self, host, port, family=0):
        if host not in self.known:
            raise OSError("unknown")
        return self.known[host]


async def test_names_are_looked_up_again_and_the_last_answer_counts():
    names = Directory(api=["10.0.0.1"])
    policy, clock = AddressPolicy(["127.0.0.0/8"]), FakeClock()
    control_plane = ControlPlane("https://api", "nats://nats:4333", names=names)
    await control_plane.look(policy)
    assert not policy.allows("10.0.0.1", 443)
    assert policy.allows("10.0.0.2", 4333)

    following = asyncio.create_task(control_plane.follow(policy, clock))
    await asyncio.sleep(0)

    async def later(**known):
        names.known = known
        clock.advance(LOOK_EVERY)
        for _ in range(5):
            await asyncio.sleep(0)

    await later(api=["10.0.0.1"], nats=["10.0.0.2", "fe80::1%eth0"])
    assert not policy.allows("10.0.0.2", 4333)
    await later(nats=["10.0.0.3"])
    assert not policy.allows("10.0.0.1", 443), "a name that means nothing now is where it was"
    assert not policy.allows("10.0.0.3", 4333)
    assert policy.allows("10.0.0.2", 4333)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
