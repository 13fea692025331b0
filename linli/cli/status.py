"""`linli status`: how Linli is, in words."""

from psutil import pid_exists
from sqlalchemy.exc import OperationalError, ProgrammingError

from api.words import SEVERITIES
from linli.cli.existing import open_existing
from linli.cli.lock import FolderLock
from linli.cli.ports import is_open
from linli.cli.stack import PARTS
from linli.cli.words import duration
from linli.clock import SECOND
from linli.datafolder import DataFolder
from linli.db.alerts import SqlAlerts
from linli.db.database import Database
from linli.db.deadletters import SqlDeadLetters
from linli.db.workers import WorkerReport, reports
from linli.errors import DataFolderError
from linli.i18n import Text
from linli.settings import Settings
from linli.vocabulary import part_name


def say_status(settings: Settings) -> int:
    """Print how each part, the broker, alerts and dead letters are. 0 if Linli runs and every part is well, else 1."""
    database = open_existing(settings)
    try:
        lines, well = _status(settings, database)
    except (OperationalError, ProgrammingError) as error:
        said = str(error.orig)
        raise DataFolderError(Text(f"数据库不能使用：{said}", f"the database cannot be used: {said}")) from None
    finally:
        database.close()
    for line in lines:
        print(line.of(settings.language))
    return 0 if well else 1


def _status(settings: Settings, database: Database) -> tuple[list[Text], bool]:
    holder = FolderLock(DataFolder(settings.data).run).holder()
    if holder is None:
        lines = [Text("Linli 没有在此目录运行：linli up", "Linli is not running on this folder: linli up")]
    else:
        pid, at = holder.pid, holder.address
        lines = [Text(f"Linli 正在运行（进程 {pid}）：{at}", f"Linli is running (pid {pid}): {at}")]
    now = settings.clock().now()
    broker_line, reached = _broker(*(holder.broker if holder and holder.broker else settings.broker_endpoint))
    lines.append(broker_line)
    told = {report.name: report for report in reports(database)}
    well = holder is not None and reached
    for name in PARTS[1:]:
        if name == "simulator" and not settings.simulator:
            continue
        line, fine = _worker(name, told.get(name), now, here=settings.database_url is None)
        lines.append(line)
        well = well and fine
    lines.append(_alerts(database))
    lines.append(_letters(database))
    return lines, well


def _broker(host: str, port: int) -> tuple[Text, bool]:
    name = part_name("broker")
    if is_open(host, port, timeout_s=2.0):
        return Text(f"{name.zh}：{host}:{port} 可以连接", f"{name.en}: reachable at {host}:{port}"), True
    return Text(f"{name.zh}：{host}:{port} 连接不上", f"{name.en}: not reachable at {host}:{port}"), False


def _worker(name: str, report: WorkerReport | None, now: int, *, here: bool) -> tuple[Text, bool]:
    part = part_name(name)
    if report is None:
        return Text(f"{part.zh}：从未运行", f"{part.en}: has never run"), False
    if report.state == "stopped":
        return Text(f"{part.zh}：已停止", f"{part.en}: stopped"), False
    if here and not pid_exists(report.pid):
        return Text(f"{part.zh}：进程 {report.pid} 已不在", f"{part.en}: its process {report.pid} is gone"), False
    if not report.alive(now):
        quiet = duration((now - report.seen_at) / SECOND)
        return Text(f"{part.zh}：已 {quiet.zh}没有报告", f"{part.en}: silent for {quiet.en}"), False
    up = duration((report.seen_at - report.started_at) / SECOND)
    if report.state == "ok":
        return Text(
            f"{part.zh}：正常，进程 {report.pid}，已运行 {up.zh}",
            f"{part.en}: ok, pid {report.pid}, running for {up.en}",
        ), True
    return Text(
        f"{part.zh}：有异常（{report.detail.zh}），进程 {report.pid}",
        f"{part.en}: {report.state} ({report.detail.en}), pid {report.pid}",
    ), False


def _alerts(database: Database) -> Text:
    counts = SqlAlerts(database).count_open()
    zh = "，".join(f"{SEVERITIES[severity].zh} {count}" for severity, count in counts.items() if count)
    en = ", ".join(f"{SEVERITIES[severity].en} {count}" for severity, count in counts.items() if count)
    return Text(f"未关闭告警：{zh or '无'}", f"open alerts: {en or 'none'}")


def _letters(database: Database) -> Text:
    counts = SqlDeadLetters(database).count_by_reason()
    if not counts:
        return Text("死信：无", "dead letters: none")
    listed = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items(), key=lambda item: -item[1]))
    return Text(f"死信：{listed}（linli deadletters 查看）", f"dead letters: {listed} (see linli deadletters)")
