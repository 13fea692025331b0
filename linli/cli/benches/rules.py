"""The rules engine: how many events it judges, alone and as the process that runs in production, and how soon an alert is told.

The load is `district`: what the shipped catalogue watches, each reading matched by 20 or by 300 rules. Everything shares this
machine, so rates are for each CPU-second of the engine, or of the rules process.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from linli.cli.benches import lanes, rules_latency
from linli.cli.benches.disk import disk_folder, file_system
from linli.cli.benches.district import District
from linli.cli.benches.engine_alone import BATCH, PACKED, Alone, Cost
from linli.cli.benches.ingest import Report
from linli.cli.benches.lanes import Load
from linli.cli.benches.measured import Measured, percentile
from linli.cli.benches.restoring import bring_back, write_down
from linli.i18n import Text
from linli.settings import Settings

METRICS = (
    "events_per_core_s_20_rules",
    "evaluations_per_core_s_300_rules",
    "wire_packed_events_per_cpu_s",
    "wire_single_events_per_cpu_s",
    "growth_ratio",
    "state_bytes_per_device_rule",
    "idle_p99_ms",
    "loaded_p99_ms",
    "restore_1m_devices_s",
)
"""Every metric, in the order in which they are shown."""

FEW, MANY = 20, 300
"""Rules that each event is matched by."""

DEVICES, GATEWAYS = 80_000, 80
QUICK_DEVICES, QUICK_GATEWAYS = 8_000, 20
BEYOND, EVENTS = 0.0005, 0.001
"""Of all readings so many lie beyond a limit, and of all events so many are discrete."""

SHARES = (0.001, 0.01, 0.05)
"""Readings that are looked at one by one, in the table that says what that costs."""

EVENTS_MEASURED, QUICK_EVENTS_MEASURED = 2_000_000, 200_000
MANY_MEASURED, QUICK_MANY_MEASURED = 400_000, 100_000
SMALL, LARGE = 1_000, 1_000_000
GROWTH_MEASURED = 2_000_000

_DISTRICT = {"beyond": BEYOND, "events": EVENTS}
WIRE_PACKED = Load(
    messages=60_000,
    per_message=PACKED,
    paced=2_000,
    rate=100.0,
    full_s=20.0,
    consumers=("rules",),
    gateways=GATEWAYS,
    devices=DEVICES,
    district=_DISTRICT | {"matching": FEW},
)
QUICK_WIRE_PACKED = replace(WIRE_PACKED, messages=8_000, paced=400, full_s=4.0, gateways=10, devices=10_000)
WIRE_SINGLE = replace(
    WIRE_PACKED,
    messages=400_000,
    per_message=1,
    paced=12_000,
    rate=1_500.0,
    gateways=10,
    devices=4_000,
    district=_DISTRICT | {"matching": MANY},
)
QUICK_WIRE_SINGLE = replace(WIRE_SINGLE, messages=60_000, paced=4_000, full_s=4.0, devices=1_000)
LATENCY = replace(WIRE_SINGLE, messages=600_000, paced=600_000, rate=10_000.0, district=_DISTRICT | {"matching": FEW})
SAMPLES, QUICK_SAMPLES = 500, 100

Step = Callable[[Report, Settings, Path, bool], None]


def measure(settings: Settings, quick: bool) -> Measured:
    """The metrics of bench 'rules'. LinliError if Linli does not come up."""
    report = Report()
    parent = disk_folder()
    steps: Sequence[Step] = (few, many, wire_packed, wire_single, latency)
    if not quick:
        steps = (*steps, shares, growth)
    with tempfile.TemporaryDirectory(prefix="linli-bench-", dir=parent) as name:
        for step in steps:
            folder = Path(name) / step.__name__
            folder.mkdir()
            step(report, settings, folder, quick)
    report.notes.append(Text(f"文件系统：{file_system(parent)}", f"file system: {file_system(parent)}"))
    setting = {"folder": str(parent), "file_system": file_system(parent)}
    metrics = {name: report.metrics[name] for name in METRICS if name in report.metrics}
    return Measured(metrics, tuple(report.notes), setting, report.lost, report.costs)


# --- the engine alone -----------------------------------------------------------------------------------------------


def few(report: Report, settings: Settings, _folder: Path, quick: bool) -> None:
    """Events a second against 20 rules, and what that takes in memory."""
    alone = _alone(settings, FEW, quick=quick)
    cost = alone.run(_rounds(alone, QUICK_EVENTS_MEASURED if quick else EVENTS_MEASURED))
    report.metrics["events_per_core_s_20_rules"] = cost.rate
    report.metrics["state_bytes_per_device_rule"] = alone.state_bytes()
    report.costs["engine_20_rules"] = {"engine": _columns(cost, FEW)}
    report.notes += [_mix(alone, FEW), _said("20", cost)]


def many(report: Report, settings: Settings, _folder: Path, quick: bool) -> None:
    """Evaluations a second against 300 rules."""
    alone = _alone(settings, MANY, quick=quick)
    cost = alone.run(_rounds(alone, QUICK_MANY_MEASURED if quick else MANY_MEASURED))
    report.metrics["evaluations_per_core_s_300_rules"] = cost.rate * MANY
    report.costs["engine_300_rules"] = {"engine": _columns(cost, MANY)}
    report.notes.append(_said("300", cost))


def shares(report: Report, settings: Settings, _folder: Path, _quick: bool) -> None:
    """What it costs when more readings leave their band; no discrete events among them."""
    table: dict[str, dict[str, float]] = {}
    for share in SHARES:
        alone = Alone(District(GATEWAYS, DEVICES, FEW, share / 2, 0.0), settings.clock())
        table[f"{share:.1%}"] = _columns(alone.run(_rounds(alone, QUICK_EVENTS_MEASURED)), FEW)
    report.costs["leaving_their_band"] = table


def growth(report: Report, settings: Settings, folder: Path, _quick: bool) -> None:
    """What an event costs with a million devices over what it costs with a thousand; and how long it takes until the state of
    the million is back."""
    costs = []
    for devices in (SMALL, LARGE):
        alone = Alone(District(max(1, devices // 1000), devices, FEW, BEYOND, EVENTS), settings.clock())
        costs.append(alone.run(_rounds(alone, GROWTH_MEASURED)))
        report.costs[f"growth_{devices}_devices"] = {"engine": _columns(costs[-1], FEW)}
    report.metrics["growth_ratio"] = costs[0].rate / costs[1].rate
    outcome = bring_back(folder, write_down(alone.engine, folder))
    report.metrics["restore_1m_devices_s"] = outcome.seconds
    size, cpu = f"{outcome.size / 1e6:,.0f}", f"{outcome.cpu_s:.1f}"
    report.notes.append(
        Text(
            f"恢复：快照连同登记表 {size} MB，用了 {cpu} CPU 秒",
            f"restoring: the snapshot has {size} MB with the registry, and took {cpu} CPU-seconds",
        )
    )


def _alone(settings: Settings, matching: int, *, quick: bool) -> Alone:
    gateways, devices = (QUICK_GATEWAYS, QUICK_DEVICES) if quick else (GATEWAYS, DEVICES)
    return Alone(District(gateways, devices, matching, BEYOND, EVENTS), settings.clock())


def _rounds(alone: Alone, events: int) -> int:
    return max(1, events // (alone.district.gateways * PACKED))


def _columns(cost: Cost, matching: int) -> dict[str, float]:
    return {
        "events_per_cpu_s": cost.rate,
        "evaluations_per_cpu_s": cost.rate * matching,
        "looked_at_percent": cost.share * 100,
        "transitions": float(cost.transitions),
    }


def _mix(alone: Alone, matching: int) -> Text:
    district = alone.district
    kinds = ", ".join(sorted(f"{one.kind}/{one.quantity}" for one in district.measures))
    return Text(
        f"负载：{district.devices:,} 台设备，{district.gateways} 个网关，每包 {PACKED} 条读数，每批 {BATCH} 包；{kinds}；"
        f"{district.beyond:.2%} 的读数越限，{district.events:.1%} 为离散事件；每条读数由 {matching} 条规则判断，"
        f"这些规则由目录中的 {len(district.catalogue)} 条规则派生",
        f"load: {district.devices:,} devices, {district.gateways} gateways, {PACKED} readings a packet, {BATCH} packets a "
        f"batch; {kinds}; {district.beyond:.2%} of the readings beyond a limit, {district.events:.1%} discrete events; each "
        f"reading matched by {matching} rules made from the {len(district.catalogue)} of the catalogue",
    )


def _said(rules: str, cost: Cost) -> Text:
    return Text(
        f"{rules} 条规则：{cost.share:.2%} 的事件逐条判断，{cost.transitions} 次告警变化",
        f"{rules} rules: {cost.share:.2%} of the events were looked at one by one, {cost.transitions} changes of alerts",
    )


# --- the process ----------------------------------------------------------------------------------------------------


def wire_packed(report: Report, settings: Settings, folder: Path, quick: bool) -> None:
    """The rules process, 100 readings a message, 20 rules."""
    _wire(report, "wire_packed", settings, QUICK_WIRE_PACKED if quick else WIRE_PACKED, folder)


def wire_single(report: Report, settings: Settings, folder: Path, quick: bool) -> None:
    """One reading a message, 300 rules."""
    _wire(report, "wire_single", settings, QUICK_WIRE_SINGLE if quick else WIRE_SINGLE, folder)


def _wire(report: Report, name: str, settings: Settings, load: Load, folder: Path) -> None:
    outcome = lanes.run(settings, load, folder)
    report.take(name, outcome)
    if "full" in outcome.phases and outcome.phases["full"].rate > 0:
        report.metrics[f"{name}_events_per_cpu_s"] = 1e6 / outcome.phases["full"].costs["rules"]["cpu_s_per_million"]


def latency(report: Report, settings: Settings, folder: Path, quick: bool) -> None:
    """From an event to its alert."""
    idle, loaded = rules_latency.run(settings, LATENCY, folder, QUICK_SAMPLES if quick else SAMPLES)
    for name, waits in (("idle", idle), ("loaded", loaded)):
        report.metrics[f"{name}_p99_ms"] = waits.p99_ms
        report.lost += waits.lost
        middle = percentile(waits.seconds, 50) * 1000
        report.notes.append(Text(f"{name}：p50 {middle:.1f} ms", f"{name}: p50 {middle:.1f} ms"))
    if not loaded.kept_up:
        report.notes.append(Text("负载提前结束", "the load ended before the events did"))
