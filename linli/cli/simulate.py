"""`linli simulate`: play a scenario or the default day, and say whether the alerts raised are those expected."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.i18n import Text

if TYPE_CHECKING:
    from linli.cli.playing import Run
    from linli.settings import Settings

DAY = "day"
_DAY_SPEED = 240.0


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


HELP = _t(
    "播放一个场景，核对发出的告警；不符或没有完成时退出状态为 1。",
    "Play a scenario and check the alerts raised; exit status 1 if they differ or it was not carried through.",
)


def simulate(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help=_t(
                "场景名（见 --list）、场景文件（.yaml），或 day：平常的一天，不应有告警",
                "a scenario's name (see --list), a scenario file (.yaml), or day: the default day, which raises no alert",
            ),
            show_default=False,
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=600,
            help=_t("比时钟快几倍（默认 1；day 为 240）", "how many times faster than the clock (default 1; day: 240)"),
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help=_t("随机种子（设置 seed）", "seed of the simulated devices (setting seed)"))
    ] = None,
    hours: Annotated[
        float, typer.Option(min=0.01, max=24 * 31, help=_t("day 的小时数", "hours of the default day to play"))
    ] = 24.0,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="HH:MM",
            help=_t(
                "从当地时间几点开始（默认按场景；day 为 00:00）",
                "local time to begin at (default: the scenario's; day: 00:00)",
            ),
        ),
    ] = None,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--private",
            help=_t(
                "在正在运行的 Linli 中播放，或在临时的另一个中播放（默认：能则前者）",
                "play in the Linli that runs, or in a temporary one (default: the former where it can be)",
            ),
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help=_t("列出场景", "list the scenarios"))] = False,
    data: Annotated[Path | None, typer.Option(help=_t("数据目录（设置 data）", "data folder (setting data)"))] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_t("结果输出为 JSON", "print the result as JSON"))] = False,
) -> None:
    """Exit status 0: as expected; 1: it differs, or was not carried through; 2: it could not be played."""
    from linli.cli import outcome, playing
    from linli.settings import load_settings
    from simulators.scenario import find, minute_of_day

    if list_ or scenario is None:
        _list()
        raise typer.Exit(0 if list_ else 2)
    settings = load_settings(data=data, seed=seed)
    if at is not None:
        minute_of_day(at)
    found = None if scenario == DAY else find(scenario)
    speed = speed or (_DAY_SPEED if found is None else 1.0)
    run = playing.Run(scenario, found, speed, hours, at)
    in_running = live if live is not None else _could_be_live(run, settings)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that a private Linli is cleaned up
    if not as_json:
        typer.echo(str(_beginning(run, in_running)), err=True)
    progress = outcome.ProgressLine()
    try:
        result = (playing.play_live if in_running else playing.play_private)(settings, run, progress)
    finally:
        progress.clear()
    if as_json:
        typer.echo(outcome.as_json(result))
    else:
        outcome.show(result)
    raise typer.Exit(0 if result.passed else 1)


def _could_be_live(run: "Run", settings: "Settings") -> bool:
    from zoneinfo import ZoneInfo

    from linli.cli import playing
    from simulators.compound import TIMEZONE

    if run.scenario is None or run.speed != 1 or run.starts_at is not None:
        return False
    return run.scenario.fits(settings.clock().now(), ZoneInfo(TIMEZONE)) and playing.simulator_runs(settings)


def _beginning(run: "Run", in_running: bool) -> Text:
    seconds = run.length / 1e6 / run.speed
    if in_running:
        where = Text(
            "在正在运行的 Linli 中播放，可在网页上看到", "Playing in the Linli that runs; watch it on its page"
        )
    else:
        where = Text("在临时的 Linli 中播放", "Playing in a temporary Linli")
    return Text(f"{where.zh}，约需 {seconds:.0f} 秒…", f"{where.en}. It takes about {seconds:.0f} s...")


def _list() -> None:
    from simulators.scenario import known, load

    names = known()
    width = max(len(name) for name in (*names, DAY))
    typer.echo(f"{DAY:<{width}}  " + _t("平常的一天：不应有告警", "The default day: raises no alert"))
    for name, file in names.items():
        scenario = load(file)
        typer.echo(f"{name:<{width}}  {scenario.title.text}: {scenario.about.text}")
