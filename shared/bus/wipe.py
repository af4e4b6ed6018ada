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

    def seen(self, stream: str, created: str, sequence: int) -> bool:
        """
        Remember a stream's state; say whether it is another stream than before.

        A creation time only compares within one server, so every other one counts as newer.
        """
        old = self._marks.get(stream)
        wiped = old is not None and (created != old.created or sequence < old.sequence)
        mark = Mark(created=created, sequence=sequence)
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
