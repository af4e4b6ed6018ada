"""
How many events were refused: counted over restarts until people were told.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.bus.files import keep, kept


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedNote:
    """
    How many events were refused and not yet told of; ``occurrence`` tells one note from another.
    """

    count: int
    occurrence: str


class Tally:
    """
    A count in a file. On a full disk the file is late, and the count of this process still right.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count, self._first = _read(path)

    @property
    def note(self) -> RefusedNote | None:
        """
        What is to be told, if anything.
        """
        if not self._count:
            return None
        return RefusedNote(count=self._count, occurrence=f"{self._first}/{self._count}")

    def add(self, id_: str) -> None:
        """
        Count an event, named by its id.
        """
        self._first = self._first or id_
        self._count += 1
        self._save()

    def told(self, note: RefusedNote) -> None:
        """
        Take off what a note said.
        """
        self._count -= note.count
        # What is left began after the note: its occurrence must be another one.
        self._first = f"{note.occurrence}+" if self._count else ""
        self._save()

    def _save(self) -> None:
        if self._count:
            keep(self._path, f"{self._count} {self._first}".encode())
        else:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def __repr__(self) -> str:
        return f"<Tally {self._path.name} {self._count} untold>"


def _read(path: Path) -> tuple[int, str]:
    try:
        count, first = kept(path).decode().split(" ", 1)
        return max(int(count), 0), first
    except ValueError:
        return 0, ""
