"""Receipts in the bus's key-value store: a cache, whose loss costs a verification."""

from collections.abc import Callable

from shared.bus import Bus
from shared.errors import SetpointError

_BUCKET = "RECEIPTS"


class BusReceipts:
    """
    The port ``Receipts`` on the bus.
    """

    def __init__(self, bus: Bus, *, cluster: str, may_write: Callable[[], bool]) -> None:
        self._bus = bus
        self._cluster = cluster
        self._may_write = may_write

    async def load(self, namespace: str, name: str) -> bytes | None:
        """
        Return what was saved, None if nothing is there or the bus is away.
        """
        try:
            return await self._bus.kv(_BUCKET).get(self._key(namespace, name))
        except SetpointError:
            return None

    async def save(self, namespace: str, name: str, data: bytes | None) -> bool:
        """
        Save, or drop if ``data`` is None; say whether that was confirmed, and never fail a pass.
        """
        if not self._may_write():
            return False  # another process is at work, and has newer ones
        try:
            if data is None:
                await self._bus.kv(_BUCKET).delete(self._key(namespace, name))
            else:
                await self._bus.kv(_BUCKET).put(self._key(namespace, name), data)
        except SetpointError:
            return False  # the next start verifies instead
        return True

    def _key(self, namespace: str, name: str) -> str:
        return f"{self._cluster}.Kustomization.{namespace}.{name}"
