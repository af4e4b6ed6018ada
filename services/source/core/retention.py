"""
Which stored artifacts may go: those that nobody has referred to for a while.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.model import Digest

GRACE = 15 * 60.0  # seconds; a reader may be about to fetch what the status named until now
_INDEX = ".index"


@dataclass(slots=True)
class Retention:
    """
    Remembers since when an artifact is unreferenced; a restart begins anew, which only keeps more.
    """

    grace: float = GRACE
    _since: dict[Digest, float] = field(default_factory=dict)

    def expired(
        self, names: Iterable[str], referenced: frozenset[Digest], *, now: float
    ) -> list[Digest]:
        """
        Return what may be deleted.

        Args:
            names: What the store holds; names that are no artifact's are left alone.
            referenced: The digests in the status of any source.
            now: Seconds on the monotonic clock.

        """
        present = {digest for name in names if (digest := _digest(name)) is not None}
        self._since = {
            digest: self._since.get(digest, now) for digest in present if digest not in referenced
        }
        return sorted(digest for digest, since in self._since.items() if now - since >= self.grace)


def _digest(name: str) -> Digest | None:
    try:
        return Digest.parse(name.removesuffix(_INDEX))
    except ValueError:
        return None
