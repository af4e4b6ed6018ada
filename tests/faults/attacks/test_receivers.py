"""
Calls of whoever finds the port of the receivers: none costs the others theirs.
"""

import asyncio
import hashlib
import hmac
import json
import math
import os
import signal
import socket
import sys
import threading
import time

import aiohttp
import pytest

from tests.faults import report
from tests.faults.attacks.measures import GROWTH, Steps, peak, queued, resident, worked

LARGE = 3 * 1024 * 1024 - 1000  # bytes; just below the limit of one body
FLOOD = 150  # calls with such a body at once
CONNECTIONS = 512  # at once; more are cut off
FORGED = 10_000  # calls, each over a connection of its own
RATE = 1000  # of them in a second, if the machine sends them so fast
PAUSE = 0.05  # seconds between two genuine calls meanwhile
WINDOW = 5  # seconds in which a source looks once
P99 = 250  # ms that a genuine call takes, of which others' use of the cores is taken off
WORK = 1.5  # ms of a core for one call; it takes a third of one
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

    async def timed(self):
        """Send a genuine call; return its seconds, and those in which it could be worked on."""
        own = os.getpid(), threading.get_native_id()
        pid = self.process.child.pid
        begin, waited = time.monotonic(), queued(pid) + queued(*own)
        assert (await self.send(genuine(self.path)))[9:12] == b"200"
        took = time.monotonic() - begin
        return took, took - (queued(pid) + queued(*own) - waited)

    @property
    def memory(self):
        return resident(self.process.child.pid)


def genuine(path):
    signature = hmac.digest(CANARY.encode(), PUSH, hashlib.sha256).hex()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(PUSH)}\r\n\r\n"
    return head.encode() + PUSH


def milliseconds(times, share):
    return round(1000 * times[math.ceil(share * len(times)) - 1], 1)


@pytest.fixture
async def door(notifier, declare, tmp_path):
    steps = Steps(tmp_path / "steps")
    declare.secret("token", token=CANARY)
    spec = {
        "type": "github",
        "secretRef": {"name": "token"},
        "resources": [{"kind": "GitRepository", "name": "app"}],
    }
    declare("Receiver", "push", spec, version="v1")
    process = await notifier.start(**steps.environment)
    found, _ = await declare.ready("receiver", "push")
    steps.begin()
    yield Door(process, found["status"]["webhookPath"])
    assert steps.too_long() == []
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


SILENT = {
    "nothing": b"",
    "half a header": b"POST /hook/x HTTP/1.1\r\nHost: ",
    "a header for nobody": b"POST /hook/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
}


@pytest.mark.parametrize("said", SILENT)
async def test_more_who_say_nothing_than_there_are_places_keep_no_genuine_call_out(door, said):
    held = [asyncio.create_task(door.send(SILENT[said])) for _ in range(2 * CONNECTIONS)]
    # Those that were there first give their places up.
    done, _ = await asyncio.wait(held, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    assert done
    for _ in range(3):
        assert await door.genuine() == 200
    assert not all(one.done() for one in held), "others still hold theirs"
    await asyncio.gather(*held)
    assert await door.genuine() == 200


async def test_who_comes_while_the_notifier_has_no_core_needs_not_knock_twice(door):
    """A kernel without room drops a call's first packet; the caller sends it again after 1 s."""
    process, held = door.process.child, []
    process.send_signal(signal.SIGSTOP)
    try:
        # Nobody has to accept them yet: to be let in takes no time.
        at = ("127.0.0.1", door.port)
        held.extend(socket.create_connection(at, timeout=0.5) for _ in range(CONNECTIONS))
    finally:
        process.send_signal(signal.SIGCONT)
        for one in held:
            one.close()
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


async def test_ten_thousand_forged_calls_cost_no_look_no_write_and_genuine_ones_no_time(
    door, bus, declare
):
    assert await door.genuine() == 200
    before, _ = await declare.ready("receiver", "push")
    idle, pid = door.memory, door.process.child.pid
    begin, work = time.monotonic(), worked(pid)
    statuses, times = await flooded(door)
    seconds, work = time.monotonic() - begin, worked(pid) - work
    clock, own = (sorted(each) for each in zip(*times, strict=True))
    found = {
        "forged calls": statuses,
        "seconds": round(seconds, 1),
        "genuine calls": len(times),
        "p50 ms": milliseconds(clock, 0.5),
        "p99 ms": milliseconds(clock, 0.99),
        "max ms": milliseconds(clock, 1.0),
        "p99 less waits for a core": milliseconds(own, 0.99),
        "notifier's ms for a call": round(1000 * work / (FORGED + len(times)), 2),
        "memory grown MiB": door.memory - idle,
    }
    print(f"\n{report.write('flood', found)}")
    assert statuses == {"400": FORGED / 2, "404": FORGED / 2}
    assert found["p99 less waits for a core"] <= P99
    assert found["notifier's ms for a call"] <= WORK
    assert door.memory - idle < 20
    causes = [item.envelope.payload["cause"] async for item in bus.read("COMMANDS", "commands.>")]
    # The notifier has just started, and its Receivers may have missed calls.
    looks = [one for one in causes if not one.startswith("start of the notifier")]
    assert 1 <= len(looks) <= 2 + seconds / WINDOW, "genuine calls alone, and together"
    after, _ = await declare.ready("receiver", "push")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def flooded(door):
    """Flood the door, and send a genuine call now and then, whether the last one ended or not."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.attacks.flood",
        str(door.port), door.path, str(FORGED), str(RATE),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    over = asyncio.create_task(child.communicate())
    calls = []
    async with asyncio.TaskGroup() as group:
        while not over.done():
            calls.append(group.create_task(door.timed()))
            await asyncio.wait([over], timeout=PAUSE)
    return json.loads(over.result()[0]), [one.result() for one in calls]
