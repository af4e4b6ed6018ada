"""
Which deliveries have been made: remembered for a week, in a bounded number.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import timedelta

LIFETIME = timedelta(days=7)  # as long as EVENTS keeps an event that could come again
LIMIT = 200_000  # ids; about 25 MiB, and 20 deliveries a minute over the whole week


def delivery_id(event_id: str, provider_uid: str) -> str:
    """
    Return the id of one event for one provider: the same in every retry.
    """
    return hashlib.sha256(f"{event_id}/{provider_uid}".encode()).hexdigest()[:32]


class Delivered:
    """
    A set of ids with the time of each; the oldest go first.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._ids: dict[str, float] = {}

    def __contains__(self, id_: object) -> bool:
        return id_ in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return iter(self._ids.items())

    def __repr__(self) -> str:
        return f"Delivered({len(self._ids)} of at most {self._limit} ids)"

    def add(self, id_: str, at: float) -> None:
        """
        Remember that ``id_`` was delivered, at this Unix time.
        """
        self._ids.pop(id_, None)
        self._ids[id_] = at
        self.forget(at - LIFETIME.total_seconds())

    def load(self, entries: Iterable[tuple[str, float]], now: float) -> None:
        """
        Remember what an earlier process knew.
        """
        self._ids |= dict(entries)
        self._ids = dict(sorted(self._ids.items(), key=lambda entry: entry[1]))
        self.forget(now - LIFETIME.total_seconds())

    def forget(self, before: float) -> None:
        """
        Drop what is older, and the oldest of what is too much.
        """
        while self._ids:
            oldest = next(iter(self._ids))
            if self._ids[oldest] >= before and len(self._ids) <= self._limit:
                return
            del self._ids[oldest]
