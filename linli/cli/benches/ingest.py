"""From the agent to the store: how much goes through, and what it costs.

Broker, ingest and rules are the processes that run in production; the load comes from one lean process that stands for
many agents (`generator`). Everything shares this machine, so the CPU-seconds of each process say more than the rates.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from linli.cli.benches import agents, alone, influxd, lanes
from linli.cli.benches.disk import disk_folder, file_system
from linli.cli.benches.lanes import Load, Outcome, Phase
from linli.cli.benches.measured import Measured
from linli.cli.benches.meter import Costs
from linli.i18n import Text
from linli.settings import Settings

METRICS = (
    "single_events_per_s",
    "cpu_s_per_million_single",
    "packed_sqlite_readings_per_s",
    "packed_influx_readings_per_s",
    "cpu_s_per_million_packed",
    "pipeline_readings_per_s",
    "growth_ratio",
    "agent_drain_per_s",
    "agent_intake_fsync_per_s",
    "agent_rss_mb",
)
"""Every metric, in the order in which they are shown."""

SINGLE = Load(messages=350_000, paced=200_000, rate=10_000)
QUICK_SINGLE = Load(messages=90_000, paced=40_000, rate=10_000, full_s=4.0)
PACKED = Load(messages=20_000, per_message=100, rate=1_500, consumers=("ingest",))
QUICK_PACKED = replace(PACKED, messages=4_500, full_s=4.0)
EVENTS, QUICK_EVENTS = 60_000, 20_000
PIPELINE, QUICK_PIPELINE = 10_000, 2_500
FEW, MANY = 100, 100_000
GROWTH_ROWS, GROWTH_PACKED, GROWTH_SINGLE = 2_000_000, 400_000, 60_000

_DISTURBING = 0.2
"""Cores that other programs may keep busy without a word."""


class Report:
    """What has been measured so far."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self.notes: list[Text] = []
        self.costs: dict[str, Costs] = {}
        self.lost = 0

    def take(self, name: str, outcome: Outcome) -> None:
        """Costs, notes and losses of a run."""
        self.lost += outcome.lost
        for phase, measured in outcome.phases.items():
            title = f"{name}_{phase}"
            self.costs[title] = measured.costs
            self.notes += _notes(title, measured)
        if outcome.lost:
            self.notes.append(Text(f"{name}：丢失 {outcome.lost} 条读数", f"{name}: {outcome.lost} readings were lost"))
        if outcome.resent:
            self.notes.append(
                Text(f"{name}：重发 {outcome.resent} 条", f"{name}: {outcome.resent} messages sent again")
            )

    def rate(self, metric: str, outcome: Outcome) -> None:
        """Readings a second at full throttle, if it got so far as to be measured."""
        if "full" in outcome.phases and outcome.phases["full"].rate > 0:
            self.metrics[metric] = outcome.phases["full"].rate

    def cpu(self, metric: str, outcome: Outcome, phase: str) -> None:
        """What ingest used for a million readings in this phase, likewise."""
        if phase in outcome.phases and outcome.phases[phase].rate > 0:
            self.metrics[metric] = outcome.phases[phase].costs["ingest"]["cpu_s_per_million"]


def measure(settings: Settings, quick: bool) -> Measured:
    """The metrics of bench 'ingest'. LinliError if Linli does not come up."""
    report = Report()
    parent = disk_folder()
    with tempfile.TemporaryDirectory(prefix="linli-bench-", dir=parent) as name:
        folder = Path(name)
        for step in (pipeline, growth, agent, single, packed_sqlite, packed_influx):
            _in_folder(step, report, settings, folder, quick)
    report.notes.append(Text(f"文件系统：{file_system(parent)}", f"file system: {file_system(parent)}"))
    setting = {"folder": str(parent), "file_system": file_system(parent)}
    metrics = {name: report.metrics[name] for name in METRICS if name in report.metrics}
    return Measured(metrics, tuple(report.notes), setting, report.lost, report.costs)


_Step = Callable[[Report, Settings, Path, bool], None]


def _in_folder(step: _Step, report: Report, settings: Settings, folder: Path, quick: bool) -> None:
    with tempfile.TemporaryDirectory(prefix=f"{step.__name__}-", dir=folder) as own:
        step(report, settings, Path(own), quick)


def pipeline(report: Report, settings: Settings, _folder: Path, quick: bool) -> None:
    """Ingest's decisions and line protocol, without broker and store."""
    cost = alone.pipeline(settings.clock(), QUICK_PIPELINE if quick else PIPELINE)
    report.metrics["pipeline_readings_per_s"] = cost.rate
    report.costs["pipeline"] = {"ingest": {"cpu_s_per_million": cost.cpu_s_per_million}}


def growth(report: Report, settings: Settings, folder: Path, quick: bool) -> None:
    """What 100,000 devices cost over 100; the worse of packed and single."""
    if quick:
        report.notes.append(
            Text("growth_ratio 需要一分钟，--quick 不测", "growth_ratio takes a minute: --quick leaves it out")
        )
        return
    few, many = (
        alone.growth(settings.clock(), folder, devices, GROWTH_ROWS, GROWTH_PACKED, GROWTH_SINGLE)
        for devices in (FEW, MANY)
    )
    packed = many.packed.cpu_s_per_million / few.packed.cpu_s_per_million
    single = many.single.cpu_s_per_million / few.single.cpu_s_per_million
    report.metrics["growth_ratio"] = max(packed, single)
    for grown in (few, many):
        report.costs[f"growth_{grown.devices}_devices"] = {
            "packed": {"cpu_s_per_million": grown.packed.cpu_s_per_million, "file_mb": grown.megabytes},
            "single": {"cpu_s_per_million": grown.single.cpu_s_per_million, "file_mb": grown.megabytes},
        }
    report.notes.append(
        Text(
            f"growth_ratio：成包 {packed:.2f}，单条 {single:.2f}；文件中已有 {GROWTH_ROWS:,} 行",
            f"growth_ratio: packed {packed:.2f}, single {single:.2f}; {GROWTH_ROWS:,} rows were in the file",
        )
    )


def agent(report: Report, settings: Settings, folder: Path, quick: bool) -> None:
    """An agent's intake, drain and memory."""
    outcome = agents.run(settings, QUICK_EVENTS if quick else EVENTS, folder)
    report.metrics["agent_drain_per_s"] = outcome.drained_per_s
    report.metrics["agent_intake_fsync_per_s"] = outcome.taken_per_s
    report.metrics["agent_rss_mb"] = outcome.rss_mb
    report.costs |= outcome.costs
    report.lost += outcome.left


def single(report: Report, settings: Settings, folder: Path, quick: bool) -> None:
    """One reading a message, acknowledged by ingest and rules, into SQLite. The cost is that at the offered 10,000 a second: at
    full throttle batches are larger and a reading is cheaper."""
    outcome = lanes.run(settings, QUICK_SINGLE if quick else SINGLE, folder)
    report.take("single", outcome)
    report.rate("single_events_per_s", outcome)
    report.cpu("cpu_s_per_million_single", outcome, "paced")


def packed_sqlite(report: Report, settings: Settings, folder: Path, quick: bool) -> None:
    """100 readings a message, acknowledged by ingest (rules does not run), into SQLite."""
    outcome = lanes.run(settings, QUICK_PACKED if quick else PACKED, folder)
    report.take("packed_sqlite", outcome)
    report.rate("packed_sqlite_readings_per_s", outcome)


def packed_influx(report: Report, settings: Settings, folder: Path, quick: bool) -> None:
    """The same into InfluxDB, if there is one."""
    if influxd.find() is None:
        report.notes.append(
            Text(
                "PATH 中没有 influxd（Debian：apt install influxdb），写入 InfluxDB 的部分没有测",
                "no influxd is on the PATH (Debian: apt install influxdb): writing into InfluxDB was not measured",
            )
        )
        return
    outcome = lanes.run(settings, replace(QUICK_PACKED if quick else PACKED, influx=True), folder)
    report.take("packed_influx", outcome)
    report.rate("packed_influx_readings_per_s", outcome)
    report.cpu("cpu_s_per_million_packed", outcome, "full")


def _notes(title: str, phase: Phase) -> list[Text]:
    rate = f"{phase.rate:,.0f}"
    zh, en = f"{title}：每秒 {rate} 条读数", f"{title}: {rate} readings a second"
    if phase.behind and phase.offered is not None:
        zh, en = f"{zh}，要求 {phase.offered:,.0f}", f"{en}, {phase.offered:,.0f} were offered"
    if phase.generator_was_the_limit:
        zh, en = f"{zh}；瓶颈是发生器，不是被测者", f"{en}; limited by the generator, not by what is measured"
    if phase.others > _DISTURBING:
        zh = f"{zh}；其他程序同时占用了 {phase.others:.1f} 个核，空闲的机器会更快"
        en = f"{en}; other programs kept {phase.others:.1f} cores busy meanwhile, an idle machine would be faster"
    return [Text(zh, en)]
