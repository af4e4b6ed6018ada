"""
What was read of an object a moment ago, for the next events that tell of the same version of it.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

from shared.messages import InvolvedObject

AGE = 5.0  # seconds; an event may name a version that its sender has not seen change yet
KEPT = 1_000  # objects that are remembered; more are forgotten, oldest first

Found = TypeVar("Found")


class Recent(Generic[Found]):
    """
    Remembers what was found, by what an event says of its object.
    """

    def __init__(self, age: float = AGE, kept: int = KEPT) -> None:
        self._age = age
        self._kept = kept
        self._found: OrderedDict[InvolvedObject, tuple[float, Found]] = OrderedDict()

    def get(self, involved: InvolvedObject, now: float) -> Found | None:
        """
        Return what was found at most ``age`` seconds before ``now``, on the monotonic clock.
        """
        read, found = self._found.get(involved, (0.0, None))
        return found if now - read <= self._age else None

    def put(self, involved: InvolvedObject, found: Found, now: float) -> None:
        """
        Remember what was found now; not of an object whose event does not name its version.
        """
        if not (involved.uid and involved.resource_version):
            return
        self._found.pop(involved, None)
        self._found[involved] = (now, found)
        if len(self._found) > self._kept:
            self._found.popitem(last=False)
