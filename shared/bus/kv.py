"""A key-value bucket: the last value of each key."""

import re

from shared.bus.jetstream import JetStream
from shared.bus.reader import Reader
from shared.errors import MalformedError

TIMEOUT = 5.0  # seconds
_KEY = re.compile(r"[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*")


class Bucket:
    """
    One bucket, compatible with JetStream's own form.
    """

    def __init__(self, jetstream: JetStream, bucket: str) -> None:
        self._jetstream = jetstream
        self._stream = f"KV_{bucket}"
        self._prefix = f"$KV.{bucket}."
        self._reader = Reader(jetstream.connection, self._stream)

    async def get(self, key: str) -> bytes | None:
        """
        Return the value of a key, or nothing.
        """
        stored = await self._reader.last(self._subject(key))
        return None if stored is None or stored.operation else stored.data

    async def put(self, key: str, value: bytes, *, within: float = TIMEOUT) -> int:
        """
        Set a key; return the revision.
        """
        answer = await self._jetstream.publish(self._subject(key), value, within=within)
        return int(answer["seq"])

    async def delete(self, key: str) -> None:
        """
        Remove a key without a trace.
        """
        await self._jetstream.call(f"STREAM.PURGE.{self._stream}", {"filter": self._subject(key)})

    async def keys(self, prefix: str = "") -> list[str]:
        """
        Return the keys, or those below ``prefix.``.
        """
        return list(await self.entries(prefix))

    async def entries(self, prefix: str = "") -> dict[str, bytes]:
        """
        Return keys and values, or those below ``prefix.``.
        """
        below = self._subject(prefix) + ".>" if prefix else self._prefix + ">"
        found: dict[str, bytes] = {}
        async for stored in self._reader.read(below):
            key = stored.subject.removeprefix(self._prefix)
            found.pop(key, None)
            if not stored.operation:
                found[key] = stored.data
        return found

    def _subject(self, key: str) -> str:
        if _KEY.fullmatch(key) is None:
            raise MalformedError(
                f"key {key[:80]!r} may hold letters, digits, and - / _ = . between them"
            )
        return self._prefix + key
