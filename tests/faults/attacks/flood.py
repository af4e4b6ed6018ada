"""
Bad calls from a process of their own, so that they hold up nobody who measures other calls.

``python -m tests.faults.attacks.flood PORT PATH COUNT RATE`` prints how often each status came.
"""

import asyncio
import itertools
import json
import sys
import time
from collections import Counter

TOGETHER = 256  # calls under way; the receivers' port takes 512
SIGNATURES = (
    "",
    "X-Hub-Signature-256: sha256=00\r\n",
    f"X-Hub-Signature-256: sha256={'0' * 64}\r\n",
    f"X-Hub-Signature: sha1={'0' * 40}\r\n",
)


def forged(path: str, number: int) -> bytes:
    """
    Write a call that no secret signed, every second one to a path that was guessed.
    """
    there = path if number % 2 else f"/hook/{number:064x}"
    signature = SIGNATURES[number // 2 % len(SIGNATURES)]
    head = f"POST {there} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{signature}"
    return f"{head}Content-Length: 2\r\n\r\n{{}}".encode()


async def knock(port: int, data: bytes) -> str:
    """
    Send one call on a connection of its own and return its status.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return (await reader.read())[9:12].decode()
    except ConnectionError:
        return "cut"
    finally:
        writer.close()


async def flood(port: int, path: str, count: int, rate: int) -> Counter[str]:
    """
    Send so many calls, none later than its time if there is room.
    """
    seen: Counter[str] = Counter()
    numbers = itertools.count()
    begin = time.monotonic()

    async def one_after_another() -> None:
        while (number := next(numbers)) < count:
            await asyncio.sleep(begin + number / rate - time.monotonic())
            seen[await knock(port, forged(path, number))] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(TOGETHER):
            group.create_task(one_after_another())
    return seen


if __name__ == "__main__":
    _, port, path, count, rate = sys.argv
    print(json.dumps(asyncio.run(flood(int(port), path, int(count), int(rate)))))
