"""Revisions: a named pointer at an exact version (RFC-0005 of Flux)."""

import re
from dataclasses import dataclass
from typing import Self

# A branch may have any character in its name but control characters and the plain space.
_FORM = re.compile(
    r"(?:(?P<pointer>[^\x00-\x20\x7f]+)@)?(?P<algo>sha1|sha256):(?P<hex>[0-9a-f]{40,64})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """
    What was fetched: ``main@sha1:<hex>``, or ``sha1:<hex>`` for a bare commit.
    """

    pointer: str
    algo: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a revision.

        Raises:
            ValueError: The text is not of the form.

        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"revision {text[:80]!r} is not of the form [name@]sha1:<hex>")
        return cls(pointer=match["pointer"] or "", algo=match["algo"], hex=match["hex"])

    def __str__(self) -> str:
        return (
            f"{self.pointer}@{self.algo}:{self.hex}" if self.pointer else f"{self.algo}:{self.hex}"
        )
