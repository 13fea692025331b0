"""What the commands about dead letters share: their options, and which letters are meant."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.existing import existing
from linli.cli.spans import moment
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.deadletters import Choice, SqlDeadLetters
    from linli.settings import Settings


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


Data = Annotated[
    Path | None,
    typer.Option("--data", help=_t("数据目录（默认按设置）", "Data folder (default: as set)"), show_default=False),
]


Reason = Annotated[
    str | None, typer.Option("--reason", help=_t("只限此原因的", "only those of this reason"), show_default=False)
]
ConsumerName = Annotated[
    str | None,
    typer.Option(
        "--consumer",
        help=_t("只限由它拒收的：ingest 或 edge（网关）", "only those that it refused: ingest, or edge (the gateway)"),
        show_default=False,
    ),
]
GatewayId = Annotated[
    str | None, typer.Option("--gateway", help=_t("只限此网关的", "only those of this gateway"), show_default=False)
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        help=_t("只限此后到的：2h、3d，或 2026-11-20", "only those that came since: 2h, 3d, or 2026-11-20"),
        show_default=False,
    ),
]


def choice_of(
    settings: "Settings",
    *,
    reason: str | None = None,
    consumer: str | None = None,
    gateway: str | None = None,
    since: str | None = None,
) -> "Choice":
    """The letters that the options mean; ConfigError for a time that is none."""
    from linli.db.deadletters import Choice

    start = None if since is None else moment(since, settings.clock().now(), settings.timezone)
    return Choice(reason=reason, consumer=consumer, gateway=gateway, since=start)


@contextmanager
def opened(data: Path | None) -> Iterator[tuple["Settings", "SqlDeadLetters"]]:
    """The settings and the letters of the data folder; errors end the command as `existing` says."""
    from linli.db.deadletters import SqlDeadLetters

    with existing(data) as (settings, database):
        yield settings, SqlDeadLetters(database)
