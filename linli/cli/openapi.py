"""`linli openapi`: the contract of the REST API, without anything running."""

from pathlib import Path
from typing import Annotated

import typer

from linli.i18n import Text

HELP = str(
    Text(
        "输出 REST API 的 OpenAPI 文档（JSON），无需运行 Linli",
        "Write the OpenAPI document of the REST API (JSON); nothing has to run",
    )
)


def openapi(
    file: Annotated[
        Path | None,
        typer.Argument(
            help=str(Text("写入此文件；不写则输出到终端", "Where to; without: to the terminal")), show_default=False
        ),
    ] = None,
) -> None:
    """Write the document."""
    text = document()
    if file is None:
        typer.echo(text, nl=False)
    else:
        file.write_text(text, encoding="utf-8")


def document() -> str:
    """The document as it is kept in docs/openapi.json."""
    import json

    from api.app import build_app
    from api.services import build_services
    from linli.clock import SystemClock
    from linli.db.database import open_database
    from linli.settings import load_settings
    from linli.testing import MemoryStore

    services = build_services(load_settings(), open_database("sqlite://"), MemoryStore(), SystemClock())
    return json.dumps(build_app(services, None).openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
