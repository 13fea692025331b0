"""From device to page: how long after a device's event its alert is in front of somebody, under the demo load.

All of Linli runs with the simulated compound. A second gateway with doors of its own sends, through the real agent, one
duress code after another, each at another door, so that each raises a fresh alert (of a rule that waits for no straggler); every
alert is awaited on the page.
"""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from edge.agent import Agent, last_will
from edge.config import AgentConfig
from linli.adapters.connect import gateway_client
from linli.cli.benches.measured import Measured, cpu_seconds, percentile
from linli.cli.benches.page import Watcher, watch
from linli.cli.private import Ear, PrivateLinli, private_linli
from linli.cli.stack import PARTS, ensure_broker_users, page_address
from linli.clock import SECOND
from linli.datafolder import DataFolder
from linli.db import registry
from linli.db.database import open_database
from linli.errors import LinliError
from linli.i18n import Text
from linli.model import Device, Gateway, Role
from linli.settings import Settings
from simulators.compound import COMMUNITY, GATE

_GATEWAY = "gw-bench"
_SAMPLES, _QUICK_SAMPLES = 200, 50
_WARM_UP = 3
"""Alerts that are not counted: the page has just been opened."""

_PAUSE_S = (0.3, 0.7)
"""Between two events, at random, so that they march with no poll of the parts they pass."""

_LONGEST_S = 15.0
"""What is not on the page after so long counts as this long, and as missing."""


@dataclass(frozen=True, slots=True)
class _Sent:
    door: str
    at: int


def measure(settings: Settings, quick: bool) -> Measured:
    """The metrics of bench 'latency'. LinliError if Linli does not come up or no alert comes."""
    count = _WARM_UP + (_QUICK_SAMPLES if quick else _SAMPLES)
    doors = [f"bench-door-{number:03}" for number in range(count)]
    with private_linli(settings, PARTS, before_start=lambda own: _register(own, doors)) as linli:
        account = next(account for account in linli.made.accounts if account.role is Role.SECURITY)
        ear = Ear(linli.settings, linli.clock)
        ear.start()
        watcher = watch(page_address(linli.settings), account.name, account.password, linli.clock)
        try:
            return _measure(linli, watcher, ear, doors)
        finally:
            watcher.stop()
            ear.stop()


def _register(settings: Settings, doors: Sequence[str]) -> None:
    database = open_database(settings.app_database_url)
    name = Text("压测", "Bench")
    items: list[Gateway | Device] = [Gateway(_GATEWAY, COMMUNITY, name)]
    items += [Device(door, COMMUNITY, _GATEWAY, "door", name, GATE) for door in doors]
    try:
        with database.write() as connection:
            registry.save(connection, items)
        ensure_broker_users(settings, database)
    finally:
        database.close()


def _measure(linli: PrivateLinli, watcher: Watcher, ear: Ear, doors: Sequence[str]) -> Measured:
    settings, clock = linli.settings, linli.clock
    config = AgentConfig(COMMUNITY, _GATEWAY, DataFolder(settings.data).agents / _GATEWAY, qos=settings.qos)
    agent = Agent(config, gateway_client(settings, _GATEWAY, last_will(config, clock)), clock)
    agent.start()
    try:
        _await_connection(agent)
        _await_all(watcher, ear, _send(agent, linli, doors[:_WARM_UP]))
        before, began = _cpu(linli), monotonic()
        sent = _send(agent, linli, doors[_WARM_UP:])
        _await_all(watcher, ear, sent)
        seconds, after = monotonic() - began, _cpu(linli)
    finally:
        agent.stop()
    alerts = {one.notice.subject: one for one in ear.heard() if one.notice.change == "opened"}
    seen = watcher.seen()
    to_notice = [(alerts[one.door].at - one.at) / SECOND for one in sent if one.door in alerts]
    to_page = []
    for one in sent:
        heard = alerts.get(one.door)
        at = seen.get(heard.notice.id) if heard else None
        to_page.append(_LONGEST_S if at is None else (at - one.at) / SECOND)
    lost = sum(one == _LONGEST_S for one in to_page)
    metrics = {
        f"device_to_{watcher.what}_p50_s": percentile(to_page, 50),
        f"device_to_{watcher.what}_p99_s": percentile(to_page, 99),
        f"device_to_{watcher.what}_max_s": max(to_page),
        "device_to_notice_p50_s": percentile(to_notice, 50) if to_notice else _LONGEST_S,
        "device_to_notice_p99_s": percentile(to_notice, 99) if to_notice else _LONGEST_S,
        "samples": float(len(sent)),
        "missing": float(lost),
        "seconds": seconds,
    }
    metrics |= {f"cpu_s_{name}": used - before.get(name, 0.0) for name, used in after.items()}
    return Measured(metrics, _notes(watcher, lost), {"page": watcher.kind}, lost)


def _notes(watcher: Watcher, lost: int) -> tuple[Text, ...]:
    notes = [Text(f"观看者：{watcher.kind}", f"watched by: {watcher.kind}")]
    if watcher.lacks is not None:
        notes.append(
            Text(
                f"没有测到页面，只测到实时流：{watcher.lacks.zh}",
                f"the page was not measured, only the live stream: {watcher.lacks.en}",
            )
        )
    if lost:
        notes.append(Text(f"{lost} 条告警始终没有出现", f"{lost} alerts never appeared"))
    return tuple(notes)


def _await_connection(agent: Agent) -> None:
    pause, deadline = threading.Event(), monotonic() + 20
    while not all(upto for consumers in agent.stats().positions.values() for upto in consumers.values()):
        if monotonic() > deadline:
            raise LinliError(Text("边缘代理没有得到应答", "nobody answers the agent"))
        pause.wait(0.05)


def _send(agent: Agent, linli: PrivateLinli, doors: Sequence[str]) -> list[_Sent]:
    rng, pause, sent = random.Random(linli.settings.seed), threading.Event(), []
    for door in doors:
        at = linli.clock.now()
        agent.take_event(door, "access.duress.used", {}, time=at)
        sent.append(_Sent(door, at))
        pause.wait(rng.uniform(*_PAUSE_S))
        agent.take_event(door, "access.door.closed", {}, time=linli.clock.now())
    return sent


def _await_all(watcher: Watcher, ear: Ear, sent: Sequence[_Sent]) -> None:
    pause, deadline, doors = threading.Event(), monotonic() + _LONGEST_S, {one.door for one in sent}
    while monotonic() < deadline:
        seen = watcher.seen()
        arrived = {one.notice.subject for one in ear.heard() if one.notice.id in seen}
        if doors <= arrived:
            return
        pause.wait(0.2)


def _cpu(linli: PrivateLinli) -> dict[str, float]:
    return {part.name: cpu_seconds(part.pid) for part in linli.stack.states() if part.pid is not None}
