"""`linli up`: all of Linli in the foreground, until Ctrl-C."""

import signal
import threading
from types import FrameType

from linli.cli.stack import Stack, page_address, prepare
from linli.i18n import Text
from linli.settings import Settings


def run_up(settings: Settings) -> int:
    """Prepare, start, show, stop. 0 when it was told to stop."""
    first = prepare(settings)
    stack = Stack(settings)
    asked = 0

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            stack.kill()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask)
    stack.start()
    print(page_address(settings), flush=True)
    for account in first.accounts:
        print(account.role, account.name, account.password, flush=True)
    pause = threading.Event()
    try:
        shown = None
        while not asked:
            states = [(s.name, s.state, s.reason.en, s.pid, s.restarts) for s in stack.states()]
            if states != shown:
                print(states, flush=True)
                shown = states
            pause.wait(0.1)
    finally:
        print(Text("正在停止", "stopping").of(settings.language), flush=True)
        stack.stop()
    return 0
