"""
Print what happens: one line per fact, with its time; in colour where a terminal shows it.
"""

import contextlib
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TextIO

from rich.console import Console
from rich.text import Text

from cli.up.narrate import Fact, Tone, readable

# Characters of the column that says who speaks: "reconciler" is the longest.
_COLUMN = 11
_STYLES = {
    Tone.PLAIN: "",
    Tone.GOOD: "green",
    Tone.NOTE: "yellow",
    Tone.BAD: "bold red",
    Tone.QUIET: "dim",
}


class Say:
    """
    The voice of `setpoint up`.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        # NO_COLOR and the kind of the terminal are the console's business.
        self._console = Console(
            file=stream or sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True
        )

    def fact(self, fact: Fact) -> None:
        """
        Print one fact.
        """
        line = Text(f"{datetime.now():%H:%M:%S} ", style="dim")  # noqa: DTZ005 - a person's clock
        line.append(f"{fact.who:<{_COLUMN}}", style="not dim cyan")
        line.append(fact.text, style=f"not dim {_STYLES[fact.tone]}".strip())
        self._print(line)

    def line(self, who: str, text: str, tone: Tone = Tone.PLAIN) -> None:
        """
        Print something that is worth one line.
        """
        self.fact(Fact(who=who, text=readable(text), tone=tone))

    def trouble(self, who: str, text: str) -> None:
        """
        Print what went wrong, with all lines that explain it.
        """
        for line in text.splitlines():
            self.fact(Fact(who=who, text=line, tone=Tone.BAD))

    def block(self, lines: list[str]) -> None:
        """
        Print lines as they are, for a person to copy from.
        """
        for line in lines:
            self._print(Text(line))

    def voice(self, who: str) -> Callable[[str], None]:
        """
        Return the function by which one part reports.
        """
        return lambda text: self.line(who, text)

    def _print(self, line: Text) -> None:
        # Whoever read our output may be gone; the system stays up.
        with contextlib.suppress(OSError, ValueError):
            if self._console.color_system is None:
                # Where no colour is shown, laying a line out costs ten times as much as the rest.
                self._console.file.write(f"{line.plain}\n")
                self._console.file.flush()
            else:
                self._console.print(line)
