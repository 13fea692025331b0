"""Which Linli the commands talk to, and with what token: from LINLI_URL and LINLI_TOKEN, else as `linli login` noted it.

A token is never an option of a command: the list of processes shows those to everybody on the machine.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from linli.errors import ConfigError
from linli.i18n import Text, shell_language

if TYPE_CHECKING:
    from linli.client import Client

URL, TOKEN = "LINLI_URL", "LINLI_TOKEN"
LOCAL = "http://127.0.0.1:8480"
"""Where `linli up` is found, unless a setting says otherwise."""


class Noted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `linli login` keeps."""

    url: str
    token: str


def note_file() -> Path:
    """Where it is kept, for this user of the machine alone."""
    return Path(typer.get_app_dir("linli")) / "login.json"


def read_note() -> Noted | None:
    """What was noted; None if nobody has logged in here. ConfigError if the file is no such note."""
    file = note_file()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Noted)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(
            Text(f"读不了（{error}）；请重新运行 linli login", f"cannot be read ({error}); run linli login again"),
            file=file,
        ) from None


def write_note(noted: Noted) -> Path:
    """Keep it, readable for its owner alone."""
    file = note_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(msgspec.json.encode(noted))
    fresh.replace(file)
    return file


def target() -> Noted:
    """Where to, and with what. ConfigError without a token, saying how to get one."""
    noted = read_note()
    url = os.environ.get(URL) or (noted.url if noted else LOCAL)
    token = os.environ.get(TOKEN) or (noted.token if noted and noted.url == url else "")
    if not token:
        raise ConfigError(
            Text(
                f"没有用于 {url} 的令牌：在运行 Linli 的机器上执行 linli token new 账号名，然后 linli login {url}"
                f"（脚本可用环境变量 {URL} 和 {TOKEN}）",
                f"there is no token for {url}: make one with linli token new ACCOUNT on the machine that runs Linli, then "
                f"linli login {url} (a script may set {URL} and {TOKEN})",
            )
        )
    return Noted(url, token)


@contextmanager
def connected(**patience: Any) -> Iterator["Client"]:
    """A client for whoever calls the command, in their language. `patience`: how long and how often it asks, if not as ever."""
    from linli.client import Client

    to = target()
    with Client(to.url, to.token, shell_language().value, **patience) as client:
        yield client
