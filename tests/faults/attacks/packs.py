"""
Packs that no Git writes, and a server that sends them as any Git server would.
"""

import asyncio
import hashlib
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.fixtures.git import hostile

COMMIT, TREE, BLOB, OFS_DELTA, REF_DELTA = 1, 2, 3, 6, 7
_NAMES = {COMMIT: "commit", TREE: "tree", BLOB: "blob"}
_COPY = 0xFFFFFF  # bytes; the most that one instruction of a delta takes from its base
_HEADER = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-{kind}\r\n"
    "Connection: close\r\n\r\n"
)


def sha(kind: int, data: bytes) -> bytes:
    return hashlib.sha1(b"%s %d\0%s" % (_NAMES[kind].encode(), len(data), data)).digest()


def entry(kind: int, data: bytes, *, size: int | None = None, base: bytes = b"") -> bytes:
    """
    Write one object of a pack; ``size`` is what it says of itself.
    """
    return _head(kind, len(data) if size is None else size) + base + zlib.compress(data, 9)


def zeros(mib: int, *, size: int | None = None) -> tuple[bytes, bytes]:
    """
    Return the name and the entry of a file of nothing, which is never held as a whole.
    """
    chunk, whole = bytes(1 << 20), mib << 20
    name, packed = hashlib.sha1(b"blob %d\0" % whole), zlib.compressobj(9)
    parts = [_head(BLOB, whole if size is None else size)]
    for _ in range(mib):
        name.update(chunk)
        parts.append(packed.compress(chunk))
    return name.digest(), b"".join([*parts, packed.flush()])


def _head(kind: int, size: int) -> bytes:
    byte, left = (kind << 4) | (size & 15), size >> 4
    head = bytearray()
    while left:
        head.append(byte | 0x80)
        byte, left = left & 0x7F, left >> 7
    return bytes([*head, byte])


def pack(entries: Sequence[bytes], *, count: int | None = None) -> bytes:
    """
    Put objects together; ``count`` is the number that the pack says it has.
    """
    number = len(entries) if count is None else count
    body = b"PACK" + (2).to_bytes(4) + number.to_bytes(4) + b"".join(entries)
    return body + hashlib.sha1(body).digest()


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def delta(base: int, copies: int, *, size: int | None = None) -> bytes:
    """
    Write a delta that takes the first 16 MiB of its base again and again.
    """
    made = copies * _COPY if size is None else size
    return _number(base) + _number(made) + b"\xf0\xff\xff\xff" * copies


def commit(tree: bytes) -> bytes:
    who = b"Ada <ada@example.com> 1700000000 +0000"
    return b"tree %s\nauthor %s\ncommitter %s\n\nx\n" % (tree.hex().encode(), who, who)


def tree(blob: bytes, name: bytes = b"a") -> bytes:
    return b"100644 " + name + b"\0" + blob


def _line(text: bytes) -> bytes:
    return f"{len(text) + 4:04x}".encode() + text


async def _whole(asked: bytes, reader: asyncio.StreamReader) -> None:
    found = re.search(rb"(?i)content-length: (\d+)", asked)
    if found is None:
        await reader.readuntil(b"0\r\n\r\n")
    else:
        await reader.readexactly(int(found[1]))


@asynccontextmanager
async def serving(head: bytes, packed: bytes) -> AsyncIterator[str]:
    """
    Offer one branch at a commit, and send this pack to whoever wants it; give the URL.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        name = head.hex().encode()
        if asked.startswith(b"GET"):
            body = (
                _line(b"# service=git-upload-pack\n")
                + b"0000"
                + _line(name + b" refs/heads/main\0shallow ofs-delta\n")
                + b"0000"
            )
            kind = "advertisement"
        else:
            await _whole(asked, reader)  # who closes with words unread cuts his own answer off
            body = _line(b"shallow " + name) + b"0000" + _line(b"NAK\n") + packed
            kind = "result"
        writer.write(_HEADER.format(kind=kind).encode() + body)
        await writer.drain()

    async with hostile(answer) as url:
        yield url
