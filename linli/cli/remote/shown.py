"""How the commands show what a server says."""

from typing import Any

import typer


def local(time: str) -> str:
    """An RFC 3339 time in this machine's zone: '2026-11-23 16:15:00'."""
    from datetime import datetime

    return datetime.fromisoformat(time.replace("Z", "+00:00")).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def as_json(value: Any) -> None:
    """As JSON on standard output, one document."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=1).decode())
