"""Texts for people: tables in Markdown, names, errors and times."""

import math
import re
import threading
from collections.abc import Sequence

speaking = threading.RLock()
"""Is held while a line is printed, or while what runtimes say on stderr is held back, which would take the line too."""


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligns columns, the first to the left and the others to the right.

    Names of files and people stay in their cells, `in_markdown`.

    Args:
        head: titles of the columns.
        rows: rows with one cell for each column.

    Returns:
        Lines without a line feed at the end.

    Raises:
        ValueError: if rows are of different lengths.
    """
    head, rows = [*map(in_markdown, head)], [[*map(in_markdown, row)] for row in rows]
    widths = [max(3, *map(len, cells)) for cells in zip(head, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        " | ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
        for row in (head, rule, *rows)
    ]
    return "\n".join(f"| {line} |" for line in lines)


def printable(text: str) -> str:
    """Spells what names may hold besides letters: line feeds, terminals' escapes, bytes that are no text."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def in_markdown(text: str) -> str:
    """A `printable` text without effect in Markdown: it makes no cells, links, pictures or HTML."""
    return re.sub(r"<(?=[a-zA-Z/!])", "&lt;", re.sub(r"([|\[])", r"\\\1", printable(text)))


def first_line(error: BaseException) -> str:
    """The first line of what an error says, of at most 200 letters; its class if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def counted(number: int, name: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number} {name}{'s' * (number != 1)}"


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.{int(seconds < 600)}f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
