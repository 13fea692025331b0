"""The same to several things by their ids, and of each what became of it."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

import typer

from linli.cli.columns import printable
from linli.cli.remote.connection import connected
from linli.cli.remote.shown import as_json

if TYPE_CHECKING:
    from linli.client import Client

_T = TypeVar("_T")


def each(ids: Iterable[str], act: "Callable[[Client, str], _T]", done: str, *, json_out: bool) -> None:
    """Do it to each, say of each what became of it; exit status 1 if any was refused. What was done is said also if the server is
    lost half way."""
    from linli.errors import ApiProblem

    changed, refused = [], 0
    try:
        with connected() as linli:
            for one in ids:
                try:
                    changed.append(act(linli, one))
                except ApiProblem as problem:
                    refused += 1
                    typer.echo(f"{printable(one)}: {printable(str(problem))}", err=True)
                    continue
                if not json_out:
                    typer.echo(f"{printable(one)}: {done}")
    except BaseException:
        if json_out and changed:
            as_json(changed)
        raise
    if json_out:
        as_json(changed)
    if refused:
        raise typer.Exit(1)
