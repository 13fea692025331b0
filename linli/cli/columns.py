"""Columns side by side in a terminal, Chinese counted at its width of two."""

import shutil
import sys
from collections.abc import Sequence

import typer


def print_columns(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, right: int = 0) -> None:
    """The heads, then the rows; the last `right` columns to the right, as numbers are. On a terminal the last column is
    cut at the edge; into a file or pipe all of it goes."""
    from rich.cells import cell_len, set_cell_size

    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    widths = [max(cell_len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    for row in (heads, *rows):
        line = "  ".join(
            " " * (width - cell_len(cell)) + cell if column >= len(row) - right else set_cell_size(cell, width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        if room is not None and cell_len(line) > room:
            line = set_cell_size(line, room - 1).rstrip() + "…"
        typer.echo(line)


def printable(text: str, *, newlines: bool = False) -> str:
    """`text` with every character that is no visible one (control, escape, direction marks) written as its escape."""
    return "".join(
        letter
        if letter.isprintable() or (newlines and letter == "\n")
        else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in text
    )
