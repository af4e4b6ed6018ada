"""Digests: the identity of bytes."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

_FORM = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """
    The sha256 of some bytes, written ``sha256:<64 hex>``.
    """

    hex: str

    @classmethod
    def of(cls, data: bytes) -> Self:
        """
        Compute the digest of ``data``.
        """
        return cls(hashlib.sha256(data).hexdigest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read ``sha256:<64 hex>``.

        Raises:
            ValueError: Another form or another algorithm.

        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"digest {text[:80]!r} is not of the form sha256:<64 hex digits>")
        return cls(match.group(1))

    def matches(self, data: bytes) -> bool:
        """
        Say whether ``data`` are the bytes that this digest names.
        """
        return hashlib.sha256(data).hexdigest() == self.hex

    def __str__(self) -> str:
        return f"sha256:{self.hex}"
