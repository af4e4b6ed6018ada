"""
A name server that knows one address for every name, and can deny it, fail or be silent.
"""

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

PORT = 53  # the C library asks no other
_HEAD = struct.Struct("!6H")
_ADDRESS = 1  # the type of a question for an IPv4 address
_ANSWER = 0x8180  # flags: an answer, with recursion
FAILED, UNKNOWN = 2, 3  # SERVFAIL, NXDOMAIN


class Resolver(asyncio.DatagramProtocol):
    """
    Attributes:
        code: What it answers instead of the address, 0 for the address.
        silent: Whether it answers nothing.
        asked: How many questions there were.

    """

    def __init__(self) -> None:
        self.code = 0
        self.silent = False
        self.asked = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        if self.silent or self._transport is None:
            return
        # One question stands in a packet: a name, a zero, type and class.
        end = data.index(0, _HEAD.size) + 5
        question = data[_HEAD.size : end]
        [kind] = struct.unpack("!H", question[-4:-2])
        known = kind == _ADDRESS and not self.code
        # The name is that of the question; class IN, to be kept for 0 s, four bytes.
        found = struct.pack("!3HLH4B", 0xC000 | _HEAD.size, _ADDRESS, 1, 0, 4, 127, 0, 0, 1)
        [number] = struct.unpack("!H", data[:2])
        head = _HEAD.pack(number, _ANSWER | self.code, 1, int(known), 0, 0)
        self._transport.sendto(head + question + (found if known else b""), addr)


@asynccontextmanager
async def resolver(resolv_conf: Path) -> AsyncIterator[Resolver]:
    """
    Answer while the block runs, and write how to ask into a file.
    """
    # The port is given: it is the address that must be free.
    chance = random.SystemRandom()
    address = f"127.{chance.randint(1, 254)}.{chance.randint(1, 254)}.{chance.randint(2, 254)}"
    loop = asyncio.get_running_loop()
    transport, found = await loop.create_datagram_endpoint(Resolver, local_addr=(address, PORT))
    text = f"nameserver {address}\noptions timeout:1 attempts:2\n"
    await asyncio.to_thread(resolv_conf.write_text, text)
    try:
        yield found
    finally:
        transport.close()
