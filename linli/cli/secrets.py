"""`linli secrets`: new keys and passwords in place of the ones that there are. docs/security.md says what each change breaks.

Nothing heavy is imported before the command runs.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.existing import existing, operator
from linli.cli.people import Data
from linli.errors import DataFolderError
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.database import Database
    from linli.settings import Settings


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


class What(StrEnum):
    """What can be rotated."""

    SEALS = "seals"
    LINKS = "links"
    SERVICES = "services"


_EVERY_DAY = (What.SEALS, What.LINKS)
"""What can be rotated at any time: nobody has to do anything."""

secrets_app = typer.Typer(
    help=_t("更换密钥与口令", "Change keys and passwords"),
    no_args_is_help=True,
)


@secrets_app.callback()
def _secrets() -> None:
    """A group, though it has one command so far."""


@secrets_app.command(
    "rotate",
    help=_t(
        "更换密钥：seals（双重验证、webhook 等秘密在数据库中所用的密钥，全部重新加密）、links（图片链接的签名，已发出的链接失效）、"
        "services（邻里各进程在内嵌消息服务器的口令，须先停止邻里）。不写则更换 seals 与 links，邻里运行时也可以",
        "Change keys: seals (what second factors, webhooks' secrets and the like are sealed with in the database; all is sealed "
        "anew), links (what links to pictures are signed with; those given out end), services (passwords of Linli's own "
        "processes at the embedded broker; stop Linli first). Without a name seals and links, also while Linli runs",
    ),
)
def rotate(
    what: Annotated[
        list[What] | None, typer.Argument(help=_t("更换什么", "what to change"), show_default=False)
    ] = None,
    data: Data = None,
) -> None:
    """Rotate what is named, or all that can be rotated while Linli runs; say what became of each."""
    acts: dict[What, Callable[[Settings, Database], Text]] = {
        What.SEALS: _seals,
        What.LINKS: _links,
        What.SERVICES: _services,
    }
    with existing(data) as (settings, database):
        for one in dict.fromkeys(what or _EVERY_DAY):
            typer.echo(str(acts[one](settings, database)))


def _seals(settings: "Settings", database: "Database") -> Text:
    from linli.datafolder import DataFolder
    from linli.db.resealing import seal_everything_anew
    from linli.sealing import Seals

    seals = Seals(DataFolder(settings.data).secrets)
    changed = seal_everything_anew(database, settings.clock(), seals, by=operator().actor)
    return Text(
        f"seals：密钥已更换，重新加密了 {changed} 项",
        f"seals: the key is changed; values sealed with the new one: {changed}",
    )


def _links(settings: "Settings", database: "Database") -> Text:
    from linli.datafolder import DataFolder
    from linli.snapshotfiles import LinkKey

    LinkKey(DataFolder(settings.data).secrets).renew()
    _write_down(settings, database, What.LINKS)
    return Text(
        "links：密钥已更换，此前的图片链接已失效",
        "links: the key is changed; links to pictures given out before have ended",
    )


def _services(settings: "Settings", database: "Database") -> Text:
    from linli.access import SERVICES, BrokerUsers, service_user
    from linli.cli.lock import FolderLock
    from linli.datafolder import DataFolder

    folder = DataFolder(settings.data)
    if settings.broker_is_external:
        raise DataFolderError(
            Text(
                "消息服务器不是邻里的：请在那里更换口令，再改 broker_password",
                "the broker is not Linli's: change the password there, then the setting broker_password",
            )
        )
    if FolderLock(folder.run).holder() is not None:
        raise DataFolderError(
            Text(
                "邻里正在运行，它的进程会连不上消息服务器：请先停止，更换后再启动",
                "Linli runs, and its processes would be locked out of the broker: stop it, rotate, start it again",
            )
        )
    users = BrokerUsers(folder.secrets)
    for service, access in SERVICES.items():
        users.renew(service_user(service), access)
    _write_down(settings, database, What.SERVICES)
    return Text(
        f"services：已更换 {len(SERVICES)} 个口令，下次启动时生效",
        f"services: {len(SERVICES)} passwords are changed, and used from the next start on",
    )


def _write_down(settings: "Settings", database: "Database", what: What) -> None:
    from linli.audit import Act
    from linli.db.audit import append

    with database.write() as connection:
        append(connection, Act("secret.rotated", operator(), "secret", (what.value,)), settings.clock().now())
