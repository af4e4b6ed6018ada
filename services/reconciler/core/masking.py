"""
What must never be shown: values by the name of their field, and values that came from Secrets.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

MASK = "***"
VALUE_CHARACTERS = 120  # of an old or new value; enough to recognise it
SHORTEST_SECRET = 4  # characters; masking "a" or "on" would blacken every text and tell the value
LONGEST_SECRET = 4096  # characters; longer values are remembered by their lines
FORMS_LIMIT = 100_000  # forms of values, about 15 MiB; twice as many are held
LOOKS_LIMIT = 10_000  # hashes of one text beside those of its characters, about 20 ms

Mask = Callable[[str], str]
Shown = str | int | float | bool | None

_SENSITIVE = re.compile(r"password|passwd|token|secret|key|credential", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_NEVER_SHOWN = "last-applied-configuration"


def is_sensitive(*names: str) -> bool:
    """
    Say whether one of these paths or names speaks of a secret.
    """
    return any(_SENSITIVE.search(name) or _NEVER_SHOWN in name for name in names)


def shown(value: object, mask: Mask) -> Shown:
    """
    Return a value as it may be shown: scalars masked and cut, of everything else only the kind.
    """
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            # Masked before it is cut: nobody knows a secret by its half.
            part = value[: VALUE_CHARACTERS + LONGEST_SECRET]
            masked = mask(part)
            if len(part) < len(value) and masked != part:
                return MASK  # the next secret may begin where the part ends
            text = _USERINFO.sub(MASK, masked)
            return text if len(text) <= VALUE_CHARACTERS else text[: VALUE_CHARACTERS - 1] + "…"
        case Mapping():
            return f"({len(value)} fields)"
        case list():
            return f"({len(value)} items)"
        case _:
            return "(a value)"


@dataclass(slots=True)
class _Known:
    """
    Hashes of values: the values as they were given, their forms, and how the forms begin.
    """

    given: set[bytes] = field(default_factory=set)
    forms: set[bytes] = field(default_factory=set)
    # Hash of the first characters -> lengths of the forms that begin so: most of a text is passed
    # with one hash for each character.
    heads: dict[bytes, set[int]] = field(default_factory=dict)


class SecretValues:
    """
    Remembers secret values by keyed hash, and masks them in any text.

    A value is found by its hash wherever it stands, also as base64, URL-encoded or quoted in JSON;
    the value itself is not kept. Values that nobody mentioned for long make room.
    """

    __slots__ = ("_before", "_key", "_limit", "_now")

    def __init__(self, key: bytes, *, limit: int = FORMS_LIMIT) -> None:
        self._key = key[:64]
        self._limit = limit
        self._now, self._before = _Known(), _Known()

    def remember(self, value: str) -> None:
        """
        Remember a value, each of its lines, and the forms in which it travels.
        """
        given = self._hash(value)
        if given in self._now.given:
            return
        if len(self._now.forms) >= self._limit:
            self._now, self._before = _Known(), self._now
        self._now.given.add(given)
        # Substitution drops line breaks.
        for plain in {value, value.strip(), value.replace("\n", ""), *value.splitlines()}:
            if SHORTEST_SECRET <= len(plain) <= LONGEST_SECRET:
                for form in _forms(plain):
                    self._now.forms.add(self._hash(form))
                    head = self._hash(form[:SHORTEST_SECRET])
                    self._now.heads.setdefault(head, set()).add(len(form))

    def mask(self, text: str) -> str:
        """
        Replace whatever belongs to a remembered value.

        Where too many values begin as the text does, the rest of it is hidden unread.
        """
        if not len(self):
            return text
        parts: list[str] = []
        shown_to = hidden_to = 0
        left = LOOKS_LIMIT
        for start in range(len(text) - SHORTEST_SECRET + 1):
            lengths = self._lengths(text[start : start + SHORTEST_SECRET])
            left -= len(lengths)
            end = len(text) if left < 0 else self._longest(text, start, lengths)
            if end <= hidden_to:
                continue
            if start > hidden_to or not parts:
                parts.extend((text[shown_to:start], MASK))
            shown_to = hidden_to = end
            if left < 0:
                break
        return "".join((*parts, text[shown_to:])) if parts else text

    def _lengths(self, head: str) -> Collection[int]:
        """
        Return the lengths of the forms that begin so.
        """
        hashed = self._hash(head)
        now, before = self._now.heads.get(hashed, ()), self._before.heads.get(hashed, ())
        return {*now, *before} if before else now

    def _longest(self, text: str, start: int, lengths: Iterable[int]) -> int:
        """
        Return where the longest remembered value that begins at ``start`` ends, or 0.
        """
        return max(
            (
                start + length
                for length in lengths
                if start + length <= len(text) and self._has(text[start : start + length])
            ),
            default=0,
        )

    def _has(self, form: str) -> bool:
        hashed = self._hash(form)
        return hashed in self._now.forms or hashed in self._before.forms

    def _hash(self, text: str) -> bytes:
        data = text.encode(errors="replace")
        return hashlib.blake2b(data, key=self._key, digest_size=16).digest()

    def __len__(self) -> int:
        return len(self._now.forms) + len(self._before.forms)

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
