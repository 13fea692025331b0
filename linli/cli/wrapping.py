"""Wrap a text to the width of a terminal: English at spaces, Chinese between any two characters but before punctuation."""

import re

from rich.cells import cell_len

_PIECE = re.compile(r"[!-~\u00a0-\u024f]+|\s+|.[，。；：、）！？》”]*", re.DOTALL)
"""A word of a script with spaces, the space, or one character of a script without and the punctuation that clings to it."""


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """The lines of `text`, each at most `width` cells wide (a longer word stands alone); all but the first begin with
    `indent`."""
    lines: list[str] = []
    line, used = "", 0
    for piece in _PIECE.findall(text):
        cells = cell_len(piece)
        if line.strip() and used + cells > width and not piece.isspace():
            lines.append(line.rstrip())
            line, used = indent, cell_len(indent)
        line, used = line + piece, used + cells
    return [*lines, line.rstrip()]
