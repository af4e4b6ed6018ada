"""
The patterns of git's ignore files, as regular expressions that match one whole entry.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "\\x21-\\x7e",
    "lower": "a-z",
    "print": "\\x20-\\x7e",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_TRAILING = re.compile(r"(?<!\\)((?:\\\\)*) +$")
_NEVER = r"(?!)"
_SPECIAL = re.compile(r"[*?\[\\]")
# The pieces that take as much as may be: "*", "**/" and "**" at the end.
_STAR, _DEEP, _ALL = "[^/]*", "(?:.*/)?", ".*"


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    One line of an ignore file.
    """

    excludes: bool
    directories_only: bool
    regex: str  # is compiled with its neighbours, which takes most of the time

    @classmethod
    def parse(cls, line: str) -> "Pattern | None":
        """
        Read a line; None if it holds no pattern.
        """
        text = line.removesuffix("\r")
        if text.startswith("#"):
            return None
        # A space at the end counts only after a backslash.
        text = _TRAILING.sub(r"\1", text)
        excludes = not text.startswith("!")
        text = text.removeprefix("!")
        directories_only = text.endswith("/")
        text = text.removesuffix("/")
        if not text:
            return None
        if "/" in text:
            text = text.removeprefix("/")
            # Git compares the plain beginning of a path by itself, and the rest as a pattern of
            # its own: there, "a**" begins with its stars.
            plain = _SPECIAL.search(text)
            regex = _joined(_translate(text, plain.start() if plain else 0))
        else:
            regex = _joined([_DEEP, *_translate(text, 0)])
        return cls(excludes, directories_only, regex)


def any_of(patterns: Iterable[Pattern]) -> re.Pattern[str]:
    """
    Return an expression for what at least one of the patterns names.
    """
    return re.compile("|".join(one.regex for one in patterns) or _NEVER, re.DOTALL)


def _joined(pieces: list[str]) -> str:
    """
    Join pieces to an expression that takes no more steps than pattern times path has characters.

    All that stands between two stars has a fixed length (between two double ones, a fixed number
    of directories), so that its first place is as good as any later one: it is never looked for
    again. Without that, a dozen stars in one line would take longer than anybody waits.
    """
    out: list[str] = []
    last_deep = max((n for n, one in enumerate(pieces) if one in (_DEEP, _ALL)), default=-1)
    part: list[str] = []
    deep = False
    for number, piece in enumerate([*pieces, _DEEP]):
        if piece not in (_DEEP, _ALL):
            part.append(piece)
            continue
        inside = _lazy(part)
        once = deep and number <= last_deep
        out.append(f"(?>(?:.*?/)??{inside})" if once else (_DEEP if deep else "") + inside)
        part, deep = [], piece == _DEEP
        if piece == _ALL:
            out.append(piece)
    return "".join(out)


def _lazy(pieces: list[str]) -> str:
    """
    Join the pieces of a part without double stars.
    """
    parts: list[list[str]] = [[]]
    for piece in pieces:
        if piece == _STAR:
            parts.append([])
        else:
            parts[-1].append(piece)
    first, *others = ("".join(part) for part in parts)
    if not others:
        return first
    *middle, end = others
    return first + "".join(f"(?>[^/]*?{one})" for one in middle) + _STAR + end


def _translate(text: str, begin: int) -> list[str]:
    """
    Translate a pattern whose part for wildcards begins at ``begin``, piece by piece.
    """
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "*":
            piece, at = _stars(text, at, begin)
        elif char == "?":
            piece, at = "[^/]", at + 1
        elif char == "[":
            piece, at = _class(text, at)
        elif char == "\\":
            # A backslash at the end can match nothing.
            piece = re.escape(text[at + 1]) if at + 1 < len(text) else _NEVER
            at += 2
        else:
            piece, at = re.escape(char), at + 1
        out.append(piece)
    return out


def _stars(text: str, at: int, begin: int) -> tuple[str, int]:
    end = at
    while end < len(text) and text[end] == "*":
        end += 1
    alone = (at == begin or text[at - 1] == "/") and (end == len(text) or text[end] == "/")
    if end - at == 1 or not alone:
        return _STAR, end
    if end == len(text):
        return _ALL, end
    # "**/" also stands for no directory at all.
    return _DEEP, end + 1


def _class(text: str, at: int) -> tuple[str, int]:
    """
    Translate ``[...]``; one that is never closed matches nothing.
    """
    end = at + 1
    negated = text[end : end + 1] in ("!", "^")
    end += negated
    members: list[str] = []
    first = True
    while end < len(text) and (first or text[end] != "]"):
        first = False
        if text.startswith("[:", end) and (close := text.find(":]", end)) > 0:
            name = text[end + 2 : close]
            if name not in _POSIX:
                return _NEVER, len(text)
            members.append(_POSIX[name])
            end = close + 2
            continue
        low, end = _member(text, end)
        high = low
        if text[end : end + 1] == "-" and text[end + 1 : end + 2] not in ("", "]"):
            high, end = _member(text, end + 1)
        if low <= high:
            members.append(f"{_literal(low)}-{_literal(high)}")
    if end >= len(text):
        return _NEVER, len(text)
    inside = "".join(members)
    if negated:
        return f"[^/{inside}]", end + 1
    return (f"(?!/)[{inside}]" if inside else _NEVER), end + 1


def _member(text: str, at: int) -> tuple[str, int]:
    if text[at] == "\\" and at + 1 < len(text):
        return text[at + 1], at + 2
    return text[at], at + 1


def _literal(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x80 else char  # noqa: PLR2004 - ASCII
