"""
The note in the data directory that a wipe of the bus has still to be told.
"""

from datetime import datetime
from pathlib import Path

from shared.bus.files import kept


class ResetFile:
    """
    A file with a time, there only while somebody has to be told.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> datetime | None:
        """
        Return when it was found out, if it has to be told.
        """
        try:
            found = datetime.fromisoformat(kept(self._path).decode("ascii"))
        except ValueError:
            return None
        return found if found.tzinfo else None  # ours have one

    def write(self, at: datetime) -> None:
        """
        Take it down.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.write_text(at.isoformat(), encoding="ascii")
        part.replace(self._path)

    def clear(self) -> None:
        """
        Say that it was told.
        """
        self._path.unlink(missing_ok=True)
