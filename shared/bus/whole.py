"""
The bytes of an object as they come in, and their digest.
"""

import asyncio
from hashlib import sha256
from io import BytesIO

from shared.model import Digest

_INLINE = 256 * 1024  # bytes; more is hashed in a thread


class Whole:
    """
    The parts that came in, kept once; a thread hashes one part while the next comes in.
    """

    def __init__(self) -> None:
        # What it holds can be had without a copy, unlike the sum of a list.
        self._bytes = BytesIO()
        self._hash = sha256()
        self._hashed: asyncio.Future[None] | None = None
        self.size = 0

    @property
    def data(self) -> bytes:
        """
        All bytes.
        """
        return self._bytes.getvalue()

    async def add(self, part: bytes) -> None:
        """
        Take the next part.
        """
        self._bytes.write(part)
        self.size += len(part)
        await self._caught_up()
        if len(part) <= _INLINE:
            self._hash.update(part)
        else:
            loop = asyncio.get_running_loop()
            self._hashed = loop.run_in_executor(None, self._hash.update, part)

    async def digest(self) -> Digest:
        """
        Return the digest of all bytes.
        """
        await self._caught_up()
        return Digest(self._hash.hexdigest())

    def __repr__(self) -> str:
        return f"<Whole {self.size} bytes>"

    async def _caught_up(self) -> None:
        if self._hashed is not None:
            await self._hashed
            self._hashed = None


async def digest_of(data: bytes) -> Digest:
    """
    Return the digest of bytes that are there.
    """
    if len(data) <= _INLINE:
        return Digest.of(data)
    return await asyncio.to_thread(Digest.of, data)
