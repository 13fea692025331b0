"""Commands that change something: who acts, and the head of the audit log, which follows once they are done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from linli.audit import Who
from linli.cli.existing import existing, operator
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.database import Database
    from linli.settings import Settings


@contextmanager
def acting(data: Path | None) -> Iterator[tuple["Settings", "Database", Who]]:
    """As `existing`, and who acts; at the end the head of the audit log names what was written down."""
    with existing(data) as (settings, database):
        yield settings, database, operator()
        follow(settings, database)


def follow(settings: "Settings", database: "Database") -> None:
    """Let the head name the newest entry. What is in the way is told: the act is done and written down all the same."""
    from linli.audithead import HeadError, HeadFile
    from linli.db.auditcheck import advance_head

    try:
        wrong = advance_head(database, HeadFile(settings.audit_head_path), operator(), settings.clock().now())
    except HeadError as error:
        typer.echo(str(error), err=True)
        return
    if wrong is not None:
        said = Text(f"审计日志不完整：{wrong.text.zh}", f"the audit log is not whole: {wrong.text.en}")
        more = Text("见 linli audit verify", "see linli audit verify")
        typer.echo(f"{said}. {more}", err=True)
