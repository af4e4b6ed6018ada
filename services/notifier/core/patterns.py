"""
Regular expressions of users: the one door to RE2, which takes linear time whatever they wrote.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import re2

from shared.errors import StalledError

_MEMORY = 1 << 20  # bytes for one compiled expression; the longest sensible one takes a tenth
# Instructions of all expressions of a field; at the longest message they take seconds, and usual
# ones have some hundred.
_SIZE = 10_000
_SHOWN = 80  # characters of an expression in a message


@dataclass(frozen=True, slots=True)
class Patterns:
    """
    A list of compiled expressions.
    """

    compiled: tuple[Any, ...] = ()

    @property
    def size(self) -> int:
        """
        The instructions of all: each character of a text may cost as many steps.
        """
        return sum(pattern.programsize for pattern in self.compiled)

    def any_in(self, text: str) -> bool:
        """
        Say whether one of them occurs in the text.
        """
        return any(pattern.search(text) is not None for pattern in self.compiled)

    def __bool__(self) -> bool:
        return bool(self.compiled)


def compile_all(field: str, expressions: Iterable[str]) -> Patterns:
    """
    Compile the expressions of a field.

    Raises:
        StalledError: One is not valid, or they are too much; names the field and the fault.

    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    compiled = []
    for position, expression in enumerate(expressions):
        try:
            compiled.append(re2.compile(expression, options=options))
        except re2.error as exc:
            fault = exc.args[0] if exc.args else ""
            text = fault.decode(errors="replace") if isinstance(fault, bytes) else str(fault)
            raise StalledError(
                f"{field}[{position}] {expression[:_SHOWN]!r} is no regular expression: {text}. "
                "Correct it (RE2 syntax)",
                reason="InvalidConfig",
            ) from exc
    found = Patterns(tuple(compiled))
    if found.size > _SIZE:
        raise StalledError(
            f"{field} takes {found.size} instructions, and {_SIZE} are allowed: shorten "
            "repetitions such as {0,100}, or split the Alert",
            reason="InvalidConfig",
        )
    return found
