"""Where a View is shown: in place in a terminal, or as lines where the output goes to a file or a service's journal."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.live import Live

from linli.cli.liveview import View, change_line, is_well, render, summary_line
from linli.cli.restart import State
from linli.cli.supervisor import PartStatus
from linli.clock import local_time
from linli.i18n import Text
from linli.settings import Settings

_DRAW_EVERY_S = 0.5
_SUMMARY_EVERY_S = 60.0


@contextmanager
def screen(settings: Settings, interactive: bool) -> Iterator[Callable[[View], None]]:
    """Give the function that shows a View. It may be called often: it draws when something has changed or it is time."""
    if not interactive:
        yield PlainLines(settings).show
        return
    with Live(console=Console(highlight=False), auto_refresh=False, vertical_overflow="visible") as live:
        yield _Terminal(live, settings.language).show


def _states(view: View) -> list[tuple[State, int | None]]:
    return [(part.state, part.pid) for part in view.parts]


class _Terminal:
    """Draws the table in place."""

    def __init__(self, live: Live, language: str) -> None:
        self._live = live
        self._language = language
        self._drawn_at = -1.0
        self._states: list[tuple[State, int | None]] = []

    def show(self, view: View) -> None:
        """Draw at every change of state, and twice a second."""
        now = monotonic()
        if _states(view) == self._states and now - self._drawn_at < _DRAW_EVERY_S:
            return
        self._drawn_at, self._states = now, _states(view)
        self._live.update(render(view, self._language), refresh=True)


def _kind(part: PartStatus) -> tuple[State, str]:
    """What a change is told by: 'has not reported for 12 s' is the same a second later."""
    return part.state, re.sub(r"\d+", "", part.reason.en)


class PlainLines:
    """Prints a line, with the time, for each change of a part's state; and a summary every minute."""

    def __init__(self, settings: Settings) -> None:
        self._language = settings.language
        self._zone = ZoneInfo(settings.timezone)
        self._clock = settings.clock()
        self._seen: dict[str, PartStatus] = {}
        self._summed_at: float | None = None
        self._said_well = False

    def show(self, view: View) -> None:
        """Print what has changed since the last view."""
        for part in view.parts:
            old = self._seen.get(part.name)
            if old is None or _kind(old) != _kind(part):
                self._print(change_line(part))
            self._seen[part.name] = part
        now = monotonic()
        if view.stopping or not all(part.state is State.READY for part in view.parts):
            return
        self._welcome(view)
        if self._summed_at is None or now - self._summed_at >= _SUMMARY_EVERY_S:
            self._print(summary_line(view))
            self._summed_at = now

    def _welcome(self, view: View) -> None:
        """Say where the page is, once; and that all is well as soon as it is, once."""
        if all(map(is_well, view.parts)):
            if not self._said_well:
                self._print(Text(f"全部运行：请打开 {view.address}", f"All parts run: open {view.address}"))
            self._said_well = True
        elif self._summed_at is None:
            text = Text(f"已启动，但并非全部正常：{view.address}", f"Started, but not all is well: {view.address}")
            self._print(text)

    def _print(self, text: Text) -> None:
        time = local_time(self._clock.now(), self._zone)
        print(f"{time:%H:%M:%S}  {text.of(self._language)}", flush=True)
