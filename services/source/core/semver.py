"""
Semantic versions and constraints as the field writes them (the grammar of Masterminds/semver).

Comparators are joined by spaces or commas (and) and by ``||`` (or): ``=``, ``!=``, ``>``, ``>=``,
``<``, ``<=``, ``~``, ``^``, wildcards ``x``, ``X`` and ``*``, ranges ``1.2 - 1.4``. A version with
a pre-release fits only where the constraint names a pre-release itself, such as ``>=1.0.0-0``.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import total_ordering

from shared.errors import StalledError

_PRE = r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
_META = r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
# A tag is a version only if it is complete; a leading "v" is the one thing that it may add.
_STRICT = re.compile(rf"v?(?P<a>{_NUMBER})\.(?P<b>{_NUMBER})\.(?P<c>{_NUMBER}){_PRE}{_META}")
_PART = r"(?:[0-9]{1,18}|[xX*])"
_LOOSE = re.compile(rf"v?(?P<a>{_PART})(?:\.(?P<b>{_PART}))?(?:\.(?P<c>{_PART}))?{_PRE}{_META}")
_OPERATORS = ("!=", ">=", "=>", "<=", "=<", "^", "~>", "~", ">", "<", "=", "")
_OPERATOR = re.compile("|".join(re.escape(text) for text in _OPERATORS[:-1]) + "|")
_RANGE = re.compile(r"(\S+)\s+-\s+(\S+)")
_LENGTH = 512  # characters of a constraint; no real one is longer
_TAG_LENGTH = 255  # characters of a version; the origin may send anything


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """
    A version; build metadata does not count.
    """

    numbers: tuple[int, int, int]
    pre: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Version | None":
        """
        Read a complete version, with or without a leading ``v``; anything else is None.
        """
        match = _STRICT.fullmatch(text) if len(text) <= _TAG_LENGTH else None
        if match is None:
            return None
        pre = tuple(match["pre"].split(".")) if match["pre"] else ()
        if any(part.isdigit() and len(part) > 1 and part[0] == "0" for part in pre):
            return None
        return cls((int(match["a"]), int(match["b"]), int(match["c"])), pre)

    @property
    def _key(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        parts = tuple(
            (False, int(part), "") if part.isdigit() else (True, 0, part) for part in self.pre
        )
        return self.numbers, not self.pre, parts

    def __lt__(self, other: "Version") -> bool:
        return self._key < other._key


@dataclass(frozen=True, slots=True)
class _Bound:
    accepts: Callable[[Version], bool]
    pre: bool


@dataclass(frozen=True, slots=True)
class Constraint:
    """
    Which versions are wanted.
    """

    text: str
    groups: tuple[tuple[_Bound, ...], ...]

    @classmethod
    def parse(cls, text: str) -> "Constraint":
        """
        Read a constraint.

        Raises:
            StalledError: It is none; only a change of the declaration helps.

        """
        if len(text) > _LENGTH:
            raise _unreadable(text[:80])
        groups = tuple(_group(text, part) for part in text.split("||"))
        return cls(text, groups)

    def accepts(self, version: Version) -> bool:
        """
        Say whether the version is wanted.
        """
        return any(
            all(bound.accepts(version) for bound in group)
            and (not version.pre or any(bound.pre for bound in group))
            for group in self.groups
        )

    def newest(self, names: Iterable[str]) -> str:
        """
        Return the name of the newest version that is wanted, or an empty text.
        """
        found = [
            (version, name)
            for name in names
            if (version := Version.parse(name)) is not None and self.accepts(version)
        ]
        # Equal versions (v1.0.0 beside 1.0.0+x): the name decides, so that the answer is stable.
        return max(found)[1] if found else ""


def _unreadable(text: str) -> StalledError:
    return StalledError(
        f"spec.ref.semver {text!r} is not a version constraint; write one such as "
        '"1.x", "~1.2" or ">=1.0.0 <2.0.0"',
        reason="URLInvalid",
    )


def _group(whole: str, text: str) -> tuple[_Bound, ...]:
    text = _RANGE.sub(r">=\1 <=\2", text.strip())
    text = re.sub(r"([=!<>~^])\s+", r"\1", text)
    words = [word for word in re.split(r"[\s,]+", text) if word]
    if not words:
        raise _unreadable(whole)
    return tuple(_bound(whole, word) for word in words)


def _bound(whole: str, word: str) -> _Bound:
    operator = _OPERATOR.match(word)
    sign = operator.group() if operator else ""
    match = _LOOSE.fullmatch(word[len(sign) :])
    if match is None:
        raise _unreadable(whole)
    given: list[int] = []
    for name in ("a", "b", "c"):
        part = match[name]
        if part is None or part in "xX*":
            break
        given.append(int(part))
    pre = tuple(match["pre"].split(".")) if match["pre"] and len(given) == 3 else ()  # noqa: PLR2004
    return _Bound(_test(sign, given, pre), bool(pre))


def _test(sign: str, given: list[int], pre: tuple[str, ...]) -> Callable[[Version], bool]:
    low = Version(_padded(given), pre)
    above = _above(given, len(given))
    whole = len(given) == 3  # noqa: PLR2004 - major, minor, patch
    if sign in ("", "=", "!="):
        negated = sign == "!="
        return lambda v: (v == low if whole else _within(v, low, above)) != negated
    if sign == "<":
        return lambda v: v < low
    if sign in ("<=", "=<"):
        return lambda v: v <= low if whole else above is None or v < above
    if sign == ">":
        return lambda v: v > low if whole else above is not None and v >= above
    upper = None
    if sign in ("~", "~>"):
        upper = _above(given, min(len(given), 2))
    elif sign == "^":
        upper = _above(given, next((n for n, x in enumerate(given, 1) if x), len(given)))
    return lambda v: _within(v, low, upper)


def _within(version: Version, low: Version, above: Version | None) -> bool:
    return version >= low and (above is None or version < above)


def _padded(given: list[int]) -> tuple[int, int, int]:
    a, b, c = [*given, 0, 0, 0][:3]
    return a, b, c


def _above(given: list[int], count: int) -> Version | None:
    """
    Return the smallest version (its first pre-release) over all that start with ``count`` numbers.
    """
    if count == 0 or not given:
        return None
    return Version(_padded([*given[: count - 1], given[count - 1] + 1]), ("0",))
