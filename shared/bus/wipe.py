"""Find out that a stream was wiped or rolled back while nobody looked."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.bus.files import keep, kept_map


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """
    What a stream was when it was last seen.
    """

    created: str
    sequence: int


class Watermarks:
    """
    Creation time and last sequence of each stream, in memory and in a small file.

    The file learns of a wipe only when everybody was told: a crash in between finds it again.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._marks: dict[str, Mark] = {}
        self._saved: dict[str, Mark] = {}
        self._untold: set[str] = set()
        if path is not None:
            self._saved = _read(path)
            self._marks = dict(self._saved)

    def sequence(self, stream: str) -> int:
        """
        Return the last sequence that is known of a stream; 0 of one that was never seen.
        """
        old = self._marks.get(stream)
        return old.sequence if old is not None else 0

    def seen(self, stream: str, created: str, sequence: int, *, asked_at: int) -> bool:
        """
        Remember a stream's state; say whether it is another stream than before.

        A creation time only compares within one server, so every other one counts as newer.

        Args:
            stream: Its name.
            created: When it was made, as the server says it.
            sequence: Its last one, as the server says it.
            asked_at: The last one that was known when the server was asked. What came since may be
                newer than the answer.

        """
        old = self._marks.get(stream)
        same = old is not None and created == old.created and sequence >= asked_at
        wiped = old is not None and not same
        newest = max(sequence, old.sequence) if old is not None and same else sequence
        mark = Mark(created=created, sequence=newest)
        self._marks[stream] = mark
        if not wiped and stream not in self._untold and mark != self._saved.get(stream):
            self._save(stream)
        if wiped:
            self._untold.add(stream)
        return wiped

    def told(self, stream: str) -> None:
        """
        Note that a wipe was told to everybody.
        """
        self._untold.discard(stream)
        self._save(stream)

    def reached(self, stream: str, sequence: int) -> None:
        """
        Remember, in memory only, that the stream had this sequence.
        """
        old = self._marks.get(stream)
        if old is not None and sequence > old.sequence:
            self._marks[stream] = Mark(created=old.created, sequence=sequence)

    def _save(self, stream: str) -> None:
        self._saved[stream] = self._marks[stream]
        if self._path is not None:
            text = json.dumps({name: asdict(mark) for name, mark in self._saved.items()})
            keep(self._path, text.encode())


def _read(path: Path) -> dict[str, Mark]:
    # A damaged file is like none: the next look writes it again.
    try:
        return {
            str(name): Mark(created=str(mark["created"]), sequence=int(mark["sequence"]))
            for name, mark in kept_map(path).items()
        }
    except (ValueError, KeyError, TypeError, OverflowError):
        return {}
