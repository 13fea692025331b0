"""`linli up`: all of Linli in the foreground, until Ctrl-C."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from types import FrameType

from linli.cli.broker import certificate_note, exposure
from linli.cli.liveview import View
from linli.cli.overview import OverviewReader
from linli.cli.screens import screen
from linli.cli.stack import FirstRun, Stack, page_address, prepare
from linli.clock import SystemClock
from linli.datafolder import OWNER_ALONE, DataFolder
from linli.db.database import Database, open_database
from linli.db.people import People, Person
from linli.db.registry import SqlRegistry
from linli.errors import ConfigError
from linli.i18n import Text
from linli.logs import set_up_logging
from linli.roles import ROLES
from linli.settings import Settings
from rules.language.load import load_book
from rules.language.remarks import remarks

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1
_SHOWN_ACCOUNTS = 6


class Interrupts:
    """Counts Ctrl-C, SIGTERM and SIGHUP. The handler only counts and calls `again`: it may run between any two steps."""

    def __init__(self) -> None:
        self.asked = 0
        self._again: Callable[[], None] = lambda: None

    def listen(self, stack: Stack) -> None:
        """From now on the first one is counted, and a later one kills `stack` at once."""
        self._again = stack.kill
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._came)

    def _came(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1
        if self.asked > 1:
            self._again()


def run_up(settings: Settings) -> int:
    """Prepare, start, show, and stop when asked to. Returns 0. Raises LinliError, with nothing left running."""
    os.umask(OWNER_ALONE)
    stack = Stack(settings)
    stack.check()  # before accounts are made whose passwords nobody would see
    first = prepare(settings)
    set_up_logging(settings.log_level, DataFolder(settings.data).logs / "up.log")
    interrupts = Interrupts()
    interrupts.listen(stack)
    database = open_database(settings.app_database_url)
    _say_welcome(settings, first, People(database, settings.clock()).all())
    _say_remarks(settings, database)
    overview = OverviewReader(database)
    try:
        stack.start()
        _log.info("linli up starts, pid %d, %s", os.getpid(), page_address(settings))
        overview.start()
        with screen(settings, interactive=sys.stdout.isatty()) as show:
            _show(settings, stack, overview, interrupts, show)
    finally:
        overview.stop()
        stack.stop()
        _log.info("all parts have stopped")
        database.close()
    print(Text("已全部停止。", "All stopped.").of(settings.language), flush=True)
    return 0


def _say_welcome(settings: Settings, first: FirstRun, people: Sequence[Person]) -> None:
    def say(zh: str, en: str) -> None:
        print(Text(zh, en).of(settings.language), flush=True)

    say(f"邻里 Linli  {page_address(settings)}", f"Linli  {page_address(settings)}")
    if first.accounts:
        before = len(people) - len(first.accounts)
        if before:
            say(
                f"已有 {before} 个账号；为演示小区新建了以下账号，密码只显示这一次：",
                f"Accounts before: {before}. For the demo compound these were made. "
                "Their passwords are shown this once:",
            )
        else:
            say(
                "首次运行，已建立以下账号，密码只显示这一次：",
                "First run: these accounts were made. Their passwords are shown this once:",
            )
        for account in first.accounts:
            role = ROLES[account.role].name
            shown = f"{account.name:<10}{account.password}"
            say(f"  {role.zh:\u3000<5}{shown}", f"  {role.en:<18}{shown}")
        if not settings.is_loopback:
            say(
                "  第一次登录时须各自修改，72 小时内有效；管理员还要设置双重验证",
                "  Each is changed when first used, within 72 hours; the administrator sets up a second factor, too",
            )
    else:
        names = ", ".join(person.name for person in people[:_SHOWN_ACCOUNTS])
        more = " ..." if len(people) > _SHOWN_ACCOUNTS else ""
        say(f"账号：{names}{more}", f"Accounts: {names}{more}")
        say("忘记密码：linli user reset-password 登录名", "Lost a password: linli user reset-password NAME")
    for warning in (exposure(settings), certificate_note(settings, SystemClock().now())):
        if warning is not None:
            say(warning.zh, warning.en)
    say("按 Ctrl-C 停止全部；数据保留。", "Ctrl-C stops all of it; the data stays.")


def _say_remarks(settings: Settings, database: Database) -> None:
    """Name the overrides of rules that do nothing here. Files that are wrong have been told of before (`Stack.check`)."""
    try:
        book = load_book(settings.rules, settings.rules_overrides)
    except ConfigError:  # edited just now: the rules process says so
        return
    if not book.overrides:
        return
    registry = SqlRegistry(database)
    registry.refresh()
    for remark in remarks(book, registry.snapshot):
        print(remark.of(settings.language), flush=True)


def _show(
    settings: Settings, stack: Stack, overview: OverviewReader, interrupts: Interrupts, show: Callable[[View], None]
) -> None:
    """Show until asked to stop, then stop the stack, still showing."""
    began, pause = monotonic(), threading.Event()
    address, logs = page_address(settings), str(DataFolder(settings.data).logs)

    def look(stopping: bool = False) -> None:
        show(View(address, monotonic() - began, stack.states(), overview.now, logs, stopping))

    while not interrupts.asked:
        look()
        pause.wait(_LOOK_EVERY_S)
    end = threading.Thread(target=stack.stop, name="stopping")
    end.start()
    while end.is_alive():
        look(stopping=True)
        end.join(_LOOK_EVERY_S)
    look(stopping=True)
