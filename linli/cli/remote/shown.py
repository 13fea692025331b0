"""How the commands show what a server says."""

from collections.abc import Sequence
from typing import Any

import typer

from linli.cli.columns import printable


def local(time: str) -> str:
    """An RFC 3339 time in this machine's zone: '2026-11-23 16:15:00'."""
    from datetime import datetime

    return datetime.fromisoformat(time.replace("Z", "+00:00")).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def as_json(value: Any) -> None:
    """As JSON on standard output, one document."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=1).decode())


def as_line(value: Any) -> None:
    """As JSON on a line of its own: one of many that come as they come."""
    import msgspec

    typer.echo(msgspec.json.encode(value).decode())


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Name and value, a line each."""
    from rich.cells import cell_len, set_cell_size

    width = max(cell_len(name) for name, _ in facts)
    for name, value in facts:
        typer.echo(f"{set_cell_size(name, width)}  {printable(value)}")
