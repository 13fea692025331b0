"""`linli login` and `linli logout`: note which Linli the commands talk to, and the token."""

from typing import Annotated

import typer

from linli.cli.remote.connection import LOCAL, Noted, note_file, write_note
from linli.i18n import Text, shell_language


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


LOGIN_HELP = _t(
    "记下要连接的 Linli 与令牌，供 linli alerts、linli devices 和 linli webhooks 使用",
    "Note which Linli to talk to and the token, for linli alerts, linli devices and linli webhooks",
)
LOGOUT_HELP = _t("忘记 linli login 记下的令牌", "Forget what linli login noted")


def login(
    url: Annotated[
        str,
        typer.Argument(help=_t("地址，如 https://linli.example", "Its address, such as https://linli.example")),
    ] = LOCAL,
) -> None:
    """Ask for a token, try it, keep it."""
    from linli.client import Client

    token = typer.prompt(_t("令牌（linli token new 所示）", "Token (as linli token new showed it)"), hide_input=True)
    with Client(url, token.strip(), shell_language().value) as client:
        who = client.me()
    file = write_note(Noted(url.rstrip("/"), token.strip()))
    typer.echo(
        _t(
            f"以 {who.display_name} 的身份连接 {url}，已记入 {file}",
            f"{url} knows you as {who.display_name}: noted in {file}",
        )
    )


def logout() -> None:
    """Forget it. The token itself goes on to be valid: `linli token revoke` ends it."""
    file = note_file()
    there = file.exists()
    file.unlink(missing_ok=True)
    typer.echo(
        _t(
            "已忘记；令牌本身仍有效，可用 linli token revoke 吊销",
            "forgotten; the token itself is still valid: linli token revoke ends it",
        )
        if there
        else _t("没有记下任何令牌", "nothing was noted")
    )
