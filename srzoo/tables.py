"""Tables for reading, in Markdown."""

from collections.abc import Sequence


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligns columns, the first to the left and the others to the right.

    Args:
        head: titles of the columns.
        rows: as many cells each.

    Returns:
        Lines without a line feed at the end.

    Raises:
        ValueError: if rows are of different lengths.
    """
    widths = [max(3, *map(len, cells)) for cells in zip(head, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        " | ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
        for row in (head, rule, *rows)
    ]
    return "\n".join(f"| {line} |" for line in lines)
