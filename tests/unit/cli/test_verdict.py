"""What `linli status` finds wrong (`linli.cli.status.verdict`), and how its screen looks (`linli.cli.status.view`)."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from linli.cli.lock import Holder, Runs
from linli.cli.status.command import _document
from linli.cli.status.situation import Damage, DatabaseFault, GatewayFacts, LetterFacts, Situation, StoreFacts
from linli.cli.status.verdict import Trouble, Urgency, judge
from linli.cli.status.view import StatusView
from linli.cli.wrapping import wrap
from linli.clock import HOUR, MINUTE, SECOND
from linli.db.gateways import GatewayStatus
from linli.db.heartbeats import Heartbeat
from linli.db.workers import WorkerReport
from linli.i18n import Text
from linli.model import Lane, Severity
from linli.reconcile import Kind
from linli.runtime import WELL

NOW = 1_700_000_000_000_000
NAME = Text("某网关", "a gateway")


def beat(gateway: str = "gw-1", at: int = NOW - SECOND, **facts: object) -> Heartbeat:
    whole: dict[str, object] = {
        "positions": {"ingest": {"urgent": 1, "bulk": 1}, "rules": {"urgent": 1, "bulk": 1}},
        "next": {"urgent": 2, "bulk": 2},
        "queue_urgent": 0,
        "queue_bulk": 0,
        "clock_offset_ms": 3.0,
    }
    return Heartbeat("c001", gateway, "b1", Lane.BULK, at, at, **(whole | facts))  # type: ignore[arg-type]


def gateway(number: int = 1, *, online: bool = True, dropped: int = 0, heard: Heartbeat | None = None) -> GatewayFacts:
    name = f"gw-{number}"
    status = GatewayStatus(name, "c001", online, NOW - HOUR, "0.2.0", "b1")
    return GatewayFacts(name, "c001", NAME, status, heard or beat(name), dropped)


def report(name: str, *, state: str = "ok", detail: Text = WELL, pid: int = 7, seen: int = NOW) -> WorkerReport:
    return WorkerReport(name, pid, NOW - HOUR, seen, state, detail, {})


WORKERS = tuple(report(name) for name in ("ingest", "rules", "api"))


def situation(**facts: object) -> Situation:
    """One in which all is well, but for `facts`."""
    whole: dict[str, object] = {
        "now": NOW,
        "folder": "data",
        "holder": Holder(1, "http://127.0.0.1:8480", ("127.0.0.1", 8483)),
        "expected": ["ingest", "rules", "api"],
        "broker": ("127.0.0.1", 8483),
        "broker_open": True,
        "store": StoreFacts("SQLite, data/readings.db", None, 812_000_000),
        "disk": (100_000_000_000, 500_000_000_000),
        "reports": WORKERS,
        "gateways": [gateway()],
        "alerts": {Severity.HIGH: 2, Severity.LOW: 0},
    }
    return Situation(**(whole | facts))  # type: ignore[arg-type]


def without(name: str, *others: WorkerReport) -> Sequence[WorkerReport]:
    return [each for each in WORKERS if each.name != name] + list(others)


BROKEN: dict[str, tuple[Situation, Urgency, str]] = {
    "nothing runs": (situation(holder=None, reports=()), Urgency.BLIND, "Linli is not running"),
    "never ran": (situation(reports=without("rules")), Urgency.BLIND, "rules has never run: no alert goes out"),
    "silent": (
        situation(reports=without("ingest", report("ingest", seen=NOW - MINUTE))),
        Urgency.HELD_UP,
        "ingest has been silent for 1 min 00 s (process 7): nothing is stored",
    ),
    "ended": (situation(gone=frozenset([7])), Urgency.BLIND, "rules is gone (its process 7 has ended)"),
    "stopped": (
        situation(holder=None, reports=without("api", report("api", state="stopped"))),
        Urgency.BLIND,
        "was stopped: nobody can open the page",
    ),
    "degraded": (
        situation(reports=without("ingest", report("ingest", state="degraded", detail=Text("坏", "no store")))),
        Urgency.HELD_UP,
        "ingest is degraded: no store",
    ),
    "wrong rules": (
        situation(
            reports=without(
                "rules",
                report(
                    "rules",
                    state="noted",
                    detail=Text(
                        "规则文件有误，仍按原来的规则运行：a.yaml:3",
                        "there is a fault in the rule files, so the rules as before stay in force: a.yaml:3",
                    ),
                ),
            )
        ),
        Urgency.FAULT,
        "rules: there is a fault in the rule files, so the rules as before stay in force: a.yaml:3",
    ),
    "no journal": (
        situation(
            reports=without(
                "rules",
                report(
                    "rules",
                    state="degraded",
                    detail=Text("规则日志写不了：满", "the journal cannot be written: full"),
                ),
            )
        ),
        Urgency.BLIND,
        "rules is degraded: the journal cannot be written: full",
    ),
    "one shard dead": (
        situation(reports=[*without("rules"), report("rules-0-of-2"), report("rules-1-of-2", seen=NOW - HOUR)]),
        Urgency.BLIND,
        "rules 1/2 has been silent",
    ),
    "one shard never ran": (
        situation(reports=[*without("rules"), report("rules-1-of-2")]),
        Urgency.BLIND,
        "rules 0/2 has never run",
    ),
    "database": (
        situation(database=DatabaseFault(Damage.UNUSABLE, Text("锁住", "database is locked")), reports=(), gateways=[]),
        Urgency.BLIND,
        "the database cannot be used, so how processes and gateways are is not known: database is locked",
    ),
    "broker": (situation(broker_open=False), Urgency.BLIND, "the broker at 127.0.0.1:8483 is not reachable"),
    "store": (
        situation(store=StoreFacts("InfluxDB", Text("超时", "timed out"), local=False)),
        Urgency.HELD_UP,
        "the store of readings cannot be used: timed out. Readings queue at the agents; alerts go out as ever",
    ),
    "store elsewhere": (
        situation(store=StoreFacts("SQLite", Text("不存在", "readings.db is not there"))),
        Urgency.HELD_UP,
        "the store of readings cannot be read from here: readings.db is not there",
    ),
    "disk": (situation(disk=(1_500_000_000, 500_000_000_000)), Urgency.HELD_UP, "nearly full: 1.5 GB left"),
    "disk full": (situation(disk=(50_000_000, 900_000_000)), Urgency.BLIND, "nearly full: 50 MB left"),
    "offline": (situation(gateways=[gateway(online=False)]), Urgency.BLIND, "gw-1 is offline, last heard 1 s ago"),
    "silent gateway": (
        situation(gateways=[gateway(heard=beat(at=NOW - 5 * MINUTE))]),
        Urgency.BLIND,
        "gw-1 is offline, last heard 5 min 00 s ago",
    ),
    "never connected": (
        situation(gateways=[GatewayFacts("gw-9", "c001", NAME)]),
        Urgency.FAULT,
        "gw-9 is registered and never connected",
    ),
    "rules behind": (
        situation(gateways=[gateway(heard=beat(next={"urgent": 30, "bulk": 2}))]),
        Urgency.BLIND,
        "rules is behind: gw-1 is waiting for it (urgent 28, bulk 0 messages)",
    ),
    "ingest behind": (
        situation(
            gateways=[
                gateway(
                    heard=beat(
                        next={"urgent": 2, "bulk": 5001},
                        positions={"ingest": {"urgent": 1, "bulk": 0}, "rules": {"urgent": 1, "bulk": 5000}},
                    )
                )
            ]
        ),
        Urgency.HELD_UP,
        "ingest is behind: gw-1 is waiting for it (urgent 0, bulk 5000 messages)",
    ),
    "dropped": (situation(gateways=[gateway(dropped=12)]), Urgency.HELD_UP, "gw-1 dropped 12 observations today"),
    "clock": (
        situation(gateways=[gateway(heard=beat(clock_offset_ms=-90_000.0))]),
        Urgency.FAULT,
        "the clock of gw-1 is wrong: gw-1 is 1 min 30 s behind",
    ),
    "letters": (
        situation(letters=LetterFacts({"not_json": 9, "nul": 1}, {"not_json": 3})),
        Urgency.FAULT,
        "3 inputs were refused within the last hour, most of them as not_json",
    ),
}


def screen(seen: Situation, language: str = "en", *, every: bool = False) -> list[str]:
    view = StatusView(seen, judge(seen), language, ZoneInfo("Asia/Shanghai"), 80)
    return [line.plain for line in view.lines(every_gateway=every)]


def test_nothing_wrong_says_so() -> None:
    """Open alerts are what Linli is for, old letters are history: neither is trouble."""
    seen = situation(letters=LetterFacts({"not_json": 9}))
    assert judge(seen) == []
    assert "All is well." in screen(seen)
    assert "一切正常。" in screen(seen, "zh")


@pytest.mark.parametrize("name", BROKEN)
def test_each_trouble_is_named_with_what_to_do(name: str) -> None:
    """In words, as urgent as it is, and in both languages."""
    seen, urgency, words = BROKEN[name]
    troubles = judge(seen)
    assert [(trouble.urgency, words in trouble.what.en) for trouble in troubles][:1] == [(urgency, True)], troubles
    for trouble in troubles:
        assert trouble.todo.en and trouble.todo.zh and trouble.what.zh != trouble.what.en
    for language in ("en", "zh"):
        lines = screen(seen, language)
        assert all(cell_len(line) <= 80 for line in lines), lines
        assert len(lines) <= 40


def test_the_most_urgent_is_first() -> None:
    """A dead rules process comes before a store that is down, and that before refused inputs."""
    seen = situation(
        reports=without("rules"),
        store=StoreFacts("InfluxDB", Text("坏", "down"), local=False),
        letters=LetterFacts({"x": 1}, {"x": 1}),
    )
    assert [trouble.urgency for trouble in judge(seen)] == [Urgency.BLIND, Urgency.HELD_UP, Urgency.FAULT]
    assert [line[:2] for line in screen(seen) if line[1:2] == "."] == ["1.", "2.", "3."]


def test_gateways_are_not_blamed_for_a_server_that_is_down() -> None:
    """Without ingest or the broker nobody hears them: what is kept is of before."""
    quiet = gateway(heard=beat(at=NOW - HOUR))
    for seen in (
        situation(broker_open=False, gateways=[quiet]),
        situation(reports=without("ingest"), gateways=[quiet]),
    ):
        assert not [trouble for trouble in judge(seen) if "gw-1" in trouble.what.en]
        assert any("not known now" in line for line in screen(seen))


def test_gateways_are_not_blamed_while_the_store_takes_nothing() -> None:
    """Heartbeats come to the database with what ingest stores: rules may hear the gateway all the while."""
    quiet = gateway(heard=beat(at=NOW - HOUR, next={"urgent": 900, "bulk": 2}))
    down = Text("坏", "no store")
    stuck = replace(report("ingest"), counters={"unwritten_s": 30.0})
    for seen in (
        situation(store=StoreFacts("InfluxDB", down, local=False), gateways=[quiet]),
        situation(reports=without("ingest", report("ingest", state="degraded", detail=down)), gateways=[quiet]),
        situation(reports=without("ingest", stuck), gateways=[quiet]),
    ):
        assert not [trouble for trouble in judge(seen) if "gw-1" in trouble.what.en]
        lines = screen(seen, every=True)
        assert [line.split()[2:] for line in lines if " lag " in line] == [["not", "known"]] * 2
        (row,) = [line for line in lines if line.startswith("  gw-1")]
        assert row.split()[1:3] == ["not", "known"] and "?" in row.split()
        document = _document(seen, judge(seen))
        assert document["waiting"] is None
        assert document["gateways"][0]["well"] is None and document["gateways"][0]["waiting"] is None


def test_one_cause_is_told_once() -> None:
    """Shards that say the same are one trouble, and none where the store says it; what else they say is not left out."""
    down = Text("InfluxDB（http://db:8086）没有运行", "InfluxDB at http://db:8086 does not run")
    slow = Text("InfluxDB（http://db:8086）超时", "InfluxDB at http://db:8086: no answer within 10 s")
    shards = [report(f"ingest-{number}-of-2", state="degraded", detail=slow) for number in range(2)]
    seen = situation(reports=without("ingest", *shards))
    assert [trouble.what.en for trouble in judge(seen)] == [f"ingest 0/2, ingest 1/2 are degraded: {slow.en}"]
    store = StoreFacts("InfluxDB", down, local=False, address="http://db:8086")
    (only,) = judge(replace(seen, store=store))
    assert "the store of readings cannot be used" in only.what.en
    also = report("ingest", state="degraded", detail=Text(f"{slow.zh}；无登记", f"{slow.en}; no registry"))
    troubles = judge(situation(store=store, reports=without("ingest", also)))
    assert [trouble.what.en for trouble in troubles if "no registry" in trouble.what.en]


def test_no_backup_is_restored_over_a_store_that_is_well() -> None:
    """The file may be that of another Linli's settings: while ingest stores, it is not for status to have it replaced."""
    (trouble,) = judge(situation(store=StoreFacts("SQLite", Text("不存在", "readings.db is not there"))))
    assert "backup" not in trouble.todo.en and "备份" not in trouble.todo.zh
    assert "LINLI_INFLUX_URL" in trouble.todo.en
    (trouble, *_) = judge(situation(reports=without("ingest"), store=StoreFacts("SQLite", Text("坏", "damaged"))))
    assert trouble.urgency is Urgency.HELD_UP


def test_the_head_says_in_which_zone_its_time_is() -> None:
    """Compared with logs in UTC at night, a time without one misleads."""
    assert screen(situation())[0].endswith(" +08:00")


def test_chinese_does_not_say_free_twice() -> None:
    """The row's name is the disk."""
    (row,) = [line for line in screen(situation(), "zh") if line.startswith("磁盘")]
    assert row.count("空闲") == 1


def test_shards_are_as_many_as_linli_up_runs() -> None:
    """Also before the last of them has ever reported."""
    holder = Holder(1, "http://x", None, Runs(None, 2, False))
    reports = without("ingest", report("ingest-0-of-2"), report("ingest-1-of-2"))
    seen = situation(holder=holder, reports=reports)
    assert any("rules 1/2 has never run" in trouble.what.en for trouble in judge(seen))


def test_shards_of_before_are_no_processes_any_more() -> None:
    """After going from two to three, the reports of the two lie there for ever."""
    old = [report(f"rules-{number}-of-2", seen=NOW - HOUR) for number in range(2)]
    new = [report(f"rules-{number}-of-3") for number in range(3)]
    seen = situation(reports=[*without("rules"), *old, *new])
    assert judge(seen) == []
    assert [line.split()[:2] for line in screen(seen) if line.startswith("rules ")][:3] == [
        ["rules", f"{number}/3"] for number in range(3)
    ]


def test_services_need_no_supervisor() -> None:
    """Installed as services, nobody holds the lock of `linli up`; the processes' reports count."""
    assert judge(situation(holder=None)) == []


def test_a_district_fits_on_one_screen() -> None:
    """165 gateways, 40 of them in all kinds of trouble: the worst are listed, the rest counted; --gateways lists all."""
    gateways = [gateway(number) for number in range(125)]
    gateways += [gateway(number, online=False) for number in range(125, 145)]
    gateways += [gateway(number, dropped=5) for number in range(145, 165)]
    seen = situation(gateways=gateways)
    for language in ("en", "zh"):
        lines = screen(seen, language)
        assert len(lines) <= 40
        assert all(cell_len(line) <= 80 for line in lines)
    lines = screen(seen)
    assert any("165" in line and "125 well, 40 not" in line for line in lines)
    assert any("and 32 more: linli status --gateways" in line for line in lines)
    assert any("gw-125, gw-126, gw-127 and 17 more are offline" in line for line in lines)
    assert sum(line.startswith("  gw-") for line in screen(seen, every=True)) == 165


def test_an_agent_that_says_little_is_shown_with_gaps() -> None:
    """An older agent's missing fields are dashes, not zeros, and no trouble."""
    bare = Heartbeat("c001", "gw-1", "b1", Lane.BULK, NOW, NOW)
    seen = situation(gateways=[gateway(heard=bare)])
    assert judge(seen) == []
    (row,) = [line for line in screen(seen, every=True) if line.startswith("  gw-1")]
    assert row.split()[4:] == ["-", "0", "-"] or "-" in row.split()


words = st.lists(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=12), max_size=20
)


@given(words, st.integers(10, 100))
def test_wrapping_loses_nothing(parts: list[str], width: int) -> None:
    """Whatever script: the same characters in the same order, and no line too wide but for a single long word."""
    text = " ".join(parts)
    lines = wrap(text, width, "  ")
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_wrapping_chinese_keeps_punctuation_with_its_word() -> None:
    """No line begins with a comma; English words stay whole."""
    lines = wrap("消息服务器连接不上，什么都到不了：告警 linli-status 不会发出。" * 3, 20, "  ")
    assert all(cell_len(line) <= 20 + 4 for line in lines)
    assert not [line for line in lines if line.strip()[:1] in "，：。"]
    assert "".join(line.strip() for line in lines).count("linli-status") == 3


def test_troubles_are_in_order_of_urgency() -> None:
    """Whatever is broken together."""
    seen = replace(
        situation(disk=(1, 10**12), letters=LetterFacts({"x": 1}, {"x": 1})),
        reports=without("ingest"),
        gateways=[gateway(dropped=1), gateway(2, heard=beat("gw-2", clock_offset_ms=60_000.0))],
    )
    troubles: list[Trouble] = judge(seen)
    assert len(troubles) == 4
    assert [trouble.urgency for trouble in troubles] == sorted(trouble.urgency for trouble in troubles)


@pytest.mark.parametrize(("page", "language"), [("operations.md", "en"), ("operations.zh-CN.md", "zh")])
def test_the_page_explains_every_line(page: str, language: str) -> None:
    """Each trouble has its row on the page of whoever is called at night, and each row is a trouble that can be."""
    text = (Path(__file__).parents[3] / "docs" / page).read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|", text.split("\n## ")[1], re.MULTILINE)
    patterns = {row: re.compile(".*".join(map(re.escape, re.split(" ?… ?", row)))) for row in rows}
    said = {trouble.what.of(language) for seen, _, _ in BROKEN.values() for trouble in judge(seen)}
    assert {what for what in said if not any(pattern.search(what) for pattern in patterns.values())} == set()
    assert {row for row, pattern in patterns.items() if not any(map(pattern.search, said))} == set()


@pytest.mark.parametrize("page", ["operations.md", "operations.zh-CN.md"])
def test_the_page_explains_every_difference(page: str) -> None:
    """The kinds of `linli reconcile`."""
    text = (Path(__file__).parents[3] / "docs" / page).read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z]+)` \|", text, re.MULTILINE)) >= set(Kind)
