"""`linli rules reshard`: sees to it that no worker runs, and brings the rules' state over."""

from contextlib import ExitStack

from sqlalchemy.exc import OperationalError, ProgrammingError

from linli.cli.existing import open_existing
from linli.cli.lock import FolderLock
from linli.datafolder import DataFolder
from linli.db.database import Database
from linli.db.workers import reports
from linli.errors import DataFolderError
from linli.i18n import Text
from linli.runtime import only_one
from linli.settings import Settings
from linli.shards import service_of, shards_of
from linli.vocabulary import part_name
from rules.platform import dressed
from rules.resharding import Done, bring_over
from rules.rulesfolder import RulesFolder

_SERVICES = ("ingest", "rules")


def run_reshard(settings: Settings, old: int, new: int) -> None:
    """Do it and print what each new shard has. DataFolderError if a worker runs, here or elsewhere, or there is another
    number of shards, or the database does not answer."""
    folder = RulesFolder(settings.rules, settings.rules_overrides, lambda rules: dressed(rules, settings.store_down_s))
    rules = folder.load()
    _require_no_supervisor(settings)
    database = open_existing(settings)
    try:
        with ExitStack() as locks:
            for name in sorted({shard.worker(s) for s in _SERVICES for n in (old, new) for shard in shards_of(n)}):
                locks.enter_context(only_one(name, settings))
            _require_stopped(settings, database)
            done = bring_over(DataFolder(settings.data), database, rules, old, new)
    except (OperationalError, ProgrammingError) as error:
        said = str(error.orig)
        raise DataFolderError(Text(f"数据库不能使用：{said}", f"the database cannot be used: {said}")) from None
    finally:
        database.close()
    for line in _told(done, new):
        print(line.of(settings.language))


def _require_no_supervisor(settings: Settings) -> None:
    """Not beside a `linli up`: who stops a worker there sees it started again."""
    holder = FolderLock(DataFolder(settings.data).run).holder()
    if holder is not None:
        raise DataFolderError(
            Text(
                f"Linli 正在运行（linli up，进程 {holder.pid}）：先停止它（Ctrl-C 或 kill {holder.pid}），再运行一次",
                f"Linli runs (linli up, process {holder.pid}): stop it first (Ctrl-C, or kill {holder.pid}), then run this again",
            )
        )


def _require_stopped(settings: Settings, database: Database) -> None:
    """No worker on another machine either, as far as the database has heard."""
    now = settings.clock().now()
    for report in reports(database):
        if service_of(report.name)[0] in _SERVICES and report.state != "stopped" and report.alive(now):
            name = part_name(report.name)
            raise DataFolderError(
                Text(
                    f"{name.zh}还在运行（进程 {report.pid}）：先停止全部接入和规则进程；刚被强行结束的，等 10 秒再试",
                    f"{name.en} still runs (pid {report.pid}): stop all ingest and rules workers first; after a kill, wait for 10 s",
                )
            )


def _told(done: Done, new: int) -> list[Text]:
    lines = [
        Text(
            f"分片 {shard}：未关闭告警 {alerts} 条，监视中的设备 {devices} 个",
            f"shard {shard}: {alerts} open alerts, {devices} devices being watched",
        )
        for shard, (alerts, devices) in done.parts.items()
    ]
    if done.aside is not None:
        lines.append(Text(f"旧日志放在 {done.aside}", f"the old journals are in {done.aside}"))
    lines.append(
        Text(
            f"规则的状态现在是 {new} 个分片；请按 {new} 个启动",
            f"the rules' state is in {new} shards now; start with {new}",
        )
    )
    return lines
