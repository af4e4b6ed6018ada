"""
What must never be shown: values by the name of their field, and values that came from Secrets.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

MASK = "***"
VALUE_CHARACTERS = 120  # of an old or new value; enough to recognise it
SHORTEST_SECRET = 4  # characters; masking "a" or "on" would blacken every text and tell the value
LONGEST_SECRET = 4096  # characters; longer values are remembered by their lines

Shown = str | int | float | bool | None

_SENSITIVE = re.compile(r"password|passwd|token|secret|key|credential", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_NEVER_SHOWN = "last-applied-configuration"


def is_sensitive(*names: str) -> bool:
    """
    Say whether one of these paths or names speaks of a secret.
    """
    return any(_SENSITIVE.search(name) or _NEVER_SHOWN in name for name in names)


def shown(value: object) -> Shown:
    """
    Return a value as it may be shown: scalars cut to length, of everything else only the kind.
    """
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            text = _USERINFO.sub(MASK, value)
            return text if len(text) <= VALUE_CHARACTERS else text[: VALUE_CHARACTERS - 1] + "…"
        case Mapping():
            return f"({len(value)} fields)"
        case list():
            return f"({len(value)} items)"
        case _:
            return "(a value)"


class SecretValues:
    """
    Remembers secret values by keyed hash, and masks them in any text.

    A value is found by its hash wherever it stands, also as base64, URL-encoded or quoted in JSON;
    the value itself is not kept.
    """

    __slots__ = ("_heads", "_key", "_values")

    def __init__(self, key: bytes) -> None:
        self._key = key[:64]
        self._values: set[bytes] = set()
        # Hash of the first characters -> lengths of the values that begin so: most of a text is
        # passed with one hash for each character.
        self._heads: dict[bytes, set[int]] = {}

    def remember(self, value: str) -> None:
        """
        Remember a value, each of its lines, and the forms in which it travels.
        """
        for plain in {value, value.strip(), *value.splitlines()}:
            if SHORTEST_SECRET <= len(plain) <= LONGEST_SECRET:
                for form in _forms(plain):
                    self._values.add(self._hash(form))
                    head = self._hash(form[:SHORTEST_SECRET])
                    self._heads.setdefault(head, set()).add(len(form))

    def mask(self, text: str) -> str:
        """
        Replace whatever belongs to a remembered value.
        """
        if not self._values:
            return text
        parts: list[str] = []
        shown_to = hidden_to = 0
        for start in range(len(text) - SHORTEST_SECRET + 1):
            end = self._longest(text, start)
            if end <= hidden_to:
                continue
            if start > hidden_to or not parts:
                parts.extend((text[shown_to:start], MASK))
            shown_to = hidden_to = end
        return "".join((*parts, text[shown_to:])) if parts else text

    def _longest(self, text: str, start: int) -> int:
        """
        Return where the longest remembered value that begins at ``start`` ends, or 0.
        """
        lengths = self._heads.get(self._hash(text[start : start + SHORTEST_SECRET]), ())
        return max(
            (
                start + length
                for length in lengths
                if start + length <= len(text)
                and self._hash(text[start : start + length]) in self._values
            ),
            default=0,
        )

    def _hash(self, text: str) -> bytes:
        data = text.encode(errors="replace")
        return hashlib.blake2b(data, key=self._key, digest_size=16).digest()

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"SecretValues({len(self)} forms)"


def _forms(plain: str) -> set[str]:
    data = plain.encode(errors="replace")
    encoded = {
        base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode(),
        quote(plain, safe="", errors="replace"),
        quote(plain, errors="replace"),
        quote_plus(plain, errors="replace"),
        json.dumps(plain)[1:-1],
        json.dumps(plain, ensure_ascii=False)[1:-1],
    }
    bare = {form.rstrip("=") for form in encoded}
    return {form for form in {plain, *encoded, *bare} if len(form) >= SHORTEST_SECRET}
