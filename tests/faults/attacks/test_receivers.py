"""
Calls of whoever finds the port of the receivers: none costs the others theirs.
"""

import asyncio
import hashlib
import hmac

import aiohttp
import pytest

from tests.faults.attacks.measures import GROWTH, peak, resident

LARGE = 3 * 1024 * 1024 - 1000  # bytes; just below the limit of one body
FLOOD = 150  # calls with such a body at once
CONNECTIONS = 512  # at once; more are cut off
BAD = 2000  # calls that are refused, over some connections each
PUSH = b'{"ref": "refs/heads/main"}'
CANARY = "canary-5f0e1d2c"


class Door:
    """The port of the receivers, the path of one, and the process behind it."""

    def __init__(self, process, path):
        self.process = process
        self.path = path
        self.port = process.ports["receiver"]

    async def send(self, data, within=20.0, first=-1):
        """Send bytes and return what comes back; what is still open then fails."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(within):
                writer.write(data)
                return await reader.read(first)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def genuine(self):
        signature = "sha256=" + hmac.digest(CANARY.encode(), PUSH, hashlib.sha256).hex()
        headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}
        url = self.process.receiver(self.path)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=PUSH, headers=headers) as response,
        ):
            return response.status

    @property
    def memory(self):
        return resident(self.process.child.pid)


@pytest.fixture
async def door(notifier, declare):
    declare.secret("token", token=CANARY)
    spec = {
        "type": "github",
        "secretRef": {"name": "token"},
        "resources": [{"kind": "GitRepository", "name": "app"}],
    }
    declare("Receiver", "push", spec, version="v1")
    process = await notifier.start()
    found, _ = await declare.ready("receiver", "push")
    yield Door(process, found["status"]["webhookPath"])
    assert process.child.returncode is None, notifier.logs()
    assert CANARY not in notifier.logs()


AMBIGUOUS = {
    "two lengths": b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "folded header": b"A: b\r\n c\r\n\r\n",
    "space before colon": b"A : b\r\n\r\n",
    "length with sign": b"Content-Length: +1\r\n\r\na",
    "chunk with underscore": b"Transfer-Encoding: chunked\r\n\r\n1_0\r\n",
    "NUL in header": b"A: a\0b\r\n\r\n",
    "line feeds alone": b"A: b\n\n",
    "many headers": b"A: b\r\n" * 500 + b"\r\n",
    "many trailers": b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 3000 + b"\r\n",
    "long header": b"A: " + b"b" * 100_000 + b"\r\n\r\n",
}


async def test_what_two_readers_would_read_in_two_ways_is_refused(door):
    for name, rest in AMBIGUOUS.items():
        head = f"POST {door.path} HTTP/1.1\r\nHost: x\r\n".encode()
        answer = await door.send(head + rest)
        assert answer.partition(b"\r\n")[0].split()[1:2] in ([b"400"], []), (name, answer)
        assert CANARY.encode() not in answer
    assert await door.genuine() == 200


async def test_empty_lines_before_a_request_keep_no_connection_open(door):
    blank = [door.send(b"\r\n" * 2 * (n % 3 + 1)) for n in range(CONNECTIONS)]
    waiting = asyncio.gather(*blank)
    assert await waiting == [b""] * CONNECTIONS
    assert await door.genuine() == 200


async def test_many_large_bodies_take_bounded_memory_and_a_genuine_call_passes(door):
    idle = door.memory
    head = f"POST {door.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n".encode()
    body = head + bytes(LARGE - 1)
    held = [asyncio.create_task(door.send(body, first=12)) for _ in range(FLOOD)]
    # Who finds no room is told at once; the others hold theirs until their time is up.
    told, _ = await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
    assert {one.result()[9:] for one in told} == {b"503"}
    assert await door.genuine() == 200
    answers = await asyncio.gather(*held)
    assert {answer[9:] for answer in answers} == {b"503", b"408"}
    assert await door.genuine() == 200
    assert peak(door.process.child.pid) - idle < GROWTH


async def test_thousands_of_bad_calls_cost_no_memory_and_no_look(door, bus):
    idle = door.memory

    async def knock(number):
        path = door.path if number % 2 else "/hook/" + f"{number:064x}"
        headers = "X-Hub-Signature-256: sha256=00\r\nX-Hub-Signature: sha1=00\r\n"
        return await door.send(
            f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 2\r\n\r\n{{}}".encode()
        )

    seen = set()
    for begin in range(0, BAD, 100):
        answers = await asyncio.gather(*(knock(n) for n in range(begin, begin + 100)))
        seen |= {answer[9:12] for answer in answers}
    assert seen == {b"400", b"404"}
    assert door.memory - idle < 20
    causes = [item.envelope.payload["cause"] async for item in bus.read("COMMANDS", "commands.>")]
    # The notifier has just started, and its Receivers may have missed calls.
    assert [one for one in causes if not one.startswith("start of the notifier")] == []
    assert await door.genuine() == 200
