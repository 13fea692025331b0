"""Columns side by side in a terminal, Chinese counted at its width of two."""

import shutil
import sys
from collections.abc import Sequence

import typer


def print_columns(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """The heads, then the rows. On a terminal the last column is cut at the edge; into a file or pipe all of it goes."""
    from rich.cells import cell_len, set_cell_size

    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    widths = [max(cell_len(row[column]) for row in (heads, *rows)) for column in range(len(heads) - 1)]
    for row in (heads, *rows):
        cells = (set_cell_size(cell, width) for cell, width in zip(row[:-1], widths, strict=True))
        line = "  ".join((*cells, row[-1])).rstrip()
        if room is not None and cell_len(line) > room:
            line = set_cell_size(line, room - 1).rstrip() + "…"
        typer.echo(line)
