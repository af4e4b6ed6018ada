"""
Results for people and for programs: a table, JSON, YAML or names.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

OUTPUTS = ("table", "wide", "json", "yaml", "name")
Output = Annotated[
    str, typer.Option("-o", "--output", metavar="FORMAT", help=f"One of {', '.join(OUTPUTS)}.")
]

_HEX = re.compile(
    r"(?<!/)\b([0-9a-f]{8})[0-9a-f]{32,120}\b"
)  # commits and digests, as flux shows them;
# never a part of an address, which people copy
_TONES = {"True": "green", "False": "red", "Unknown": "yellow", "error": "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    Rows under a head; a column without any value is left to whoever makes the table.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def lines(self) -> list[str]:
        """
        Return aligned lines, without blanks at their ends.
        """
        every = [self.head, *self.rows]
        widths = [max(len(row[at]) for row in every) for at in range(len(self.head))]
        return [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in every
        ]


def short(text: str) -> str:
    """
    Shorten commits and digests, and put a message on one line.
    """
    return _HEX.sub(r"\1", one_line(text))


def one_line(text: str) -> str:
    """
    Put a message on one line; a terminal must not obey what an object says.
    """
    return "".join(one if one.isprintable() else " " for one in text)


def checked(output: str, allowed: Sequence[str] = OUTPUTS) -> str:
    """
    Refuse an output that there is not.

    Raises:
        typer.BadParameter: It is none of them.

    """
    if output not in allowed:
        raise typer.BadParameter(f"-o {output}: choose {', '.join(allowed)}")
    return output


def show(table: Table) -> None:
    """
    Print a table; colours on a terminal only, where long messages wrap in their column.
    """
    if not sys.stdout.isatty():
        typer.echo("\n".join(table.lines()))
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.table import Table as RichTable  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rich = RichTable(box=None, pad_edge=False, header_style="bold")
    for at, title in enumerate(table.head):
        last = at == len(table.head) - 1
        rich.add_column(title, no_wrap=not last, overflow="fold")
    for row in table.rows:
        rich.add_row(*(Text(cell, style=_TONES.get(cell, "")) for cell in row))
    Console().print(rich)


def show_objects(objects: Sequence[dict[str, Any]], output: str) -> None:
    """
    Print objects as JSON or YAML, as kubectl does.
    """
    show_document({"apiVersion": "v1", "kind": "List", "items": list(objects)}, output)


def show_document(document: dict[str, Any], output: str) -> None:
    """
    Print a document as JSON or YAML.
    """
    if output == "json":
        text = json.dumps(document, indent=2, ensure_ascii=False)
        typer.echo("".join(map(_escaped, text)))
        return
    import yaml  # noqa: PLC0415 - other outputs need not wait for this import

    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    if not text.replace("\n", "").isprintable():
        # All beyond ASCII is escaped then: YAML keeps characters that turn the text around.
        text = yaml.safe_dump(document, sort_keys=False)
    typer.echo(text, nl=False)


def _escaped(one: str) -> str:
    return one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1]
