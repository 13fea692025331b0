"""`linli backup`, `linli backup verify` and `linli restore`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from linli.errors import LinliError
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.cli.backups.shown import ProgressLine
    from linli.cli.backups.taking import Wanted


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


RESTORE_HELP = _t(
    "从备份恢复到一个空目录（FILE 为 - 时读标准输入）；库来自 PostgreSQL 时恢复到 LINLI_DATABASE_URL 指定的空库。",
    "Bring a backup back into an empty folder (FILE - is standard input), and into the empty database that LINLI_DATABASE_URL names if "
    "it came from PostgreSQL.",
)

backup_app = typer.Typer(
    invoke_without_command=True,
    help=_t(
        "在运行中备份全部内容（数据库、规则日志、密码、设置、其余文件）到一个文件；其中有密码与密钥，只给所有者读。",
        "Save everything in one file while Linli runs: databases, the rules' journal, secrets, settings, all other files. It holds passwords "
        "and keys, and is for its owner's eyes alone.",
    ),
)
_DATA = typer.Option("--data", help=_t("数据目录（设置 data）", "data folder (setting data)"), show_default=False)
_JSON = typer.Option("--json", help=_t("输出 JSON", "print JSON"))
_RPC = typer.Option(
    "--influx-rpc",
    metavar="HOST:PORT",
    help=_t(
        "InfluxDB 1.x 接受备份的地址（influxdb.conf 的 bind-address，默认 InfluxDB 主机的 8088）",
        "where InfluxDB 1.x takes backups (bind-address in influxdb.conf; port 8088 of its host by default)",
    ),
    show_default=False,
)
_File = Annotated[
    str, typer.Argument(metavar="FILE", help=_t("备份文件，- 为标准输入", "the backup; - is standard input"))
]


@backup_app.callback()
def backup(
    context: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FOLDER",
            help=_t(
                "放在哪个目录，或写成哪个文件；- 为标准输出，可接加密工具（默认当前目录）",
                "folder to put it in, or the file to make; - is standard output, for a tool that encrypts (default: here)",
            ),
            show_default=False,
        ),
    ] = ".",
    without_readings: Annotated[
        bool,
        typer.Option(
            "--without-readings",
            help=_t(
                "不含读数与事件（已用它自己的工具备份）", "without readings and events (saved with their own tool)"
            ),
        ),
    ] = False,
    without_database: Annotated[
        bool,
        typer.Option(
            "--without-database",
            help=_t(
                "不含告警、台账、人员（在另一台机器上备份）",
                "without alerts, registry and people (saved on another machine)",
            ),
        ),
    ] = False,
    influx_rpc: Annotated[str | None, _RPC] = None,
    verify_too: Annotated[
        bool,
        typer.Option(
            "--verify", help=_t("随后检查它，同 linli backup verify", "then check it, as linli backup verify does")
        ),
    ] = False,
    data: Annotated[Path | None, _DATA] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Take one; exit status 0 when it is there, 1 if it is not sound, 2 with what to do when it cannot be made."""
    if context.invoked_subcommand is not None:
        return
    from linli.cli.backups.taking import Wanted

    place = None if to == "-" else Path(to)
    wanted = Wanted(place, not without_database, not without_readings, influx_rpc)
    file = _take(data, wanted, as_json=as_json, verify_too=verify_too)
    if verify_too and file is not None:
        check_backup(str(file), file.parent, quick=False, as_json=as_json)


def _take(data: Path | None, wanted: "Wanted", *, as_json: bool, verify_too: bool) -> Path | None:
    """Take it, and say what was done, unless it is said when it was checked too. The file, if there is one."""
    from linli.cli.backups import record
    from linli.cli.backups.shown import document, print_json, size_of, told
    from linli.cli.backups.taking import take
    from linli.clock import SystemClock
    from linli.settings import load_settings

    clock = SystemClock()
    with _telling() as progress:
        began = clock.monotonic()
        if wanted.to is None and (verify_too or sys.stdout.isatty()):
            raise LinliError(
                Text(
                    "--to - 要接管道或重定向，如 linli backup --to - | age ...；不能与 --verify 同用",
                    "--to - is for a pipe, such as linli backup --to - | age ..., and not for --verify",
                )
            )
        settings = load_settings(data=data)
        taken = take(settings, wanted, clock, progress)
    unwritten = record.taken(settings, taken.manifest, taken.file)
    for note in (*taken.notes, *([unwritten] if unwritten is not None else ())):
        typer.echo(note, err=True)
    if taken.file is None:
        size = size_of(taken.manifest.size)
        typer.echo(Text(f"备份已写出，{size}", f"written, {size}"), err=True)
    elif not as_json:
        seconds = f"{clock.monotonic() - began:.1f}"
        typer.echo(
            Text(f"备份在 {taken.file}（用时 {seconds} 秒）", f"the backup is {taken.file} (it took {seconds} s)")
        )
        for line in told(taken.manifest) if not verify_too else ():
            typer.echo(f"  {line}")
        typer.echo(
            Text(
                "其中有密码与密钥，请妥善保管。检查一份备份：linli backup verify",
                "It holds passwords and keys: keep it safe. To check a backup: linli backup verify",
            )
        )
    elif not verify_too:
        print_json({"file": str(taken.file.resolve()), **document(taken.manifest)})
    return taken.file


@backup_app.command(
    "verify",
    help=_t(
        "检查一份备份：每个文件的 SHA-256、每个数据库、规则日志。有问题时退出码为 1",
        "Check a backup: the SHA-256 of each file, each database, the rules' journal. Exit status 1 if it is not sound",
    ),
)
def verify(
    file: _File,
    quick: Annotated[
        bool,
        typer.Option("--quick", help=_t("只核对 SHA-256，不打开数据库", "only the SHA-256s; no database is opened")),
    ] = False,
    temporary: Annotated[
        Path | None,
        typer.Option(
            "--temp",
            help=_t(
                "临时解开数据库的目录（默认系统的临时目录）",
                "where databases are unpacked meanwhile (default: the system's place)",
            ),
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Look whether it is sound; 0 if it is, 1 if not, 2 if it could not be looked at."""
    check_backup(file, temporary, quick=quick, as_json=as_json)


def restore(
    file: _File,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help=_t("新的数据目录，须不存在或为空", "the new data folder; not there yet, or empty"),
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help=_t("只检查备份，不恢复", "only check the backup, as linli backup verify does")),
    ] = False,
    influx_rpc: Annotated[str | None, _RPC] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Restore; exit status 0 when all is back, 2 with what to do when it cannot be done: then nothing has changed."""
    if check:
        check_backup(file, None, quick=False, as_json=as_json)
        return
    from linli.cli.backups.restoring import restore as bring_back
    from linli.cli.backups.shown import document, print_json, told
    from linli.settings import load_settings

    with _telling() as progress:
        if data is None:
            raise LinliError(
                Text("请用 --data 指定恢复到哪个目录", "say with --data into which folder to restore"),
            )
        source: Path | IO[bytes] = sys.stdin.buffer if file == "-" else Path(file)
        restored = bring_back(source, load_settings(data=data), progress, influx_rpc)
    if as_json:
        place = {"data": str(restored.folder), "settings": str(restored.settings_file)}
        print_json({**place, **document(restored.manifest)})
        return
    typer.echo(Text(f"已恢复到 {restored.folder}", f"restored into {restored.folder}"))
    for line in told(restored.manifest):
        typer.echo(f"  {line}")
    typer.echo(
        Text(
            f"当时的设置在 {restored.settings_file}：看过后启动 LINLI_CONFIG={restored.settings_file} linli up"
            "（服务方式：先 linli prepare）。原来的 Linli 不能再运行",
            f"The settings of then are in {restored.settings_file}. Look at them, then start: LINLI_CONFIG={restored.settings_file} linli up "
            "(for services, linli prepare first). The Linli that was saved must not run any more",
        )
    )


def check_backup(file: str, temporary: Path | None, *, quick: bool, as_json: bool) -> None:
    """Check it, say what was found, and end with the exit status."""
    from linli.backups import BackupError, NotDone
    from linli.cli.backups import record
    from linli.cli.backups.checking import check
    from linli.cli.backups.shown import document, print_json, told

    shown = file if file == "-" else str(Path(file).resolve())
    with _telling() as progress, _opened(file) as stream:
        try:
            found = check(stream, file, temporary, progress, quick=quick)
        except NotDone:
            raise
        except BackupError as error:
            progress.clear()
            _say(record.verified(None, file, quick=quick))
            if as_json:
                print_json({"file": shown, "sound": False, "faults": [{"zh": error.text.zh, "en": error.text.en}]})
            else:
                typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
    _say(record.verified(found, file, quick=quick))
    if as_json:
        faults = [{"zh": fault.zh, "en": fault.en} for fault in found.faults]
        print_json({"file": shown, "sound": not faults, "faults": faults, **document(found.manifest)})
    else:
        for line in (*told(found.manifest), *found.notes):
            typer.echo(f"  {line}")
        for fault in found.faults:
            typer.echo(str(fault), err=True)
        if found.faults:
            typer.echo(Text(f"{file} 已损坏：请用另一份备份", f"{file} is damaged: use another backup"), err=True)
        else:
            typer.echo(Text(f"{file} 完好", f"{file} is sound"))
    if found.faults:
        raise typer.Exit(1)


def _say(note: Text | None) -> None:
    if note is not None:
        typer.echo(note, err=True)


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as stream:
        yield stream


@contextmanager
def _telling() -> Iterator["ProgressLine"]:
    """A line of progress; an error of ours or of the system ends the command with status 2 and a text that says what to do."""
    from linli.cli.backups.shown import ProgressLine

    progress = ProgressLine()
    try:
        yield progress
    except LinliError as error:
        progress.clear()
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        progress.clear()
        said = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        typer.echo(Text(f"读不了：{said}", f"cannot be read: {said}"), err=True)
        raise typer.Exit(2) from None
    finally:
        progress.clear()
