"""Rules, arming and registry are taken on while the worker runs: journalled, applied, and what is wrong is told."""

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import OperationalError

from linli.db import schema
from linli.db.arming import SqlArming
from linli.db.registry import RegistryChange, RegistrySnapshot, SqlRegistry, remove_device, remove_holiday, save
from linli.i18n import Text
from linli.model import Community, Device, Gateway, Holiday, Place
from linli.shards import Shard
from linli.testing import ManualClock
from rules.aside import AtOnce
from rules.engine.inputs import (
    ArmingIn,
    Input,
    MessageIn,
    RegistryChangeIn,
    RegistryIn,
    RulesIn,
    Tick,
    decode_input,
    encode_input,
)
from rules.language.load import CATALOGUE
from rules.rulesfolder import RulesFolder
from rules.surroundings import RegistryWatch
from tests.unit.rules.site import Site
from tests.unit.rules.world import T0, registry

P = ParamSpec("P")
T = TypeVar("T")


def journalled(site: Site, kind: type[T]) -> list[T]:
    return [entry for _, entry in site.journal.after(0) if isinstance(entry, kind)]


def soon(site: Site, seconds: float = 1.1) -> None:
    """So much time passes."""
    site.clock.advance(seconds)
    site.step()


# --- rules ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(site: Site, tmp_path: Path) -> Path:
    """A folder of rules that the site's worker looks at."""
    made = tmp_path / "own"
    made.mkdir()
    for name in ("cable-temperature", "door-held-open"):
        shutil.copy(CATALOGUE / f"{name}.yaml", made)
    site.rules_folder = RulesFolder(made)
    site.rules = site.rules_folder.begin().rules
    site.kill()
    site.start()
    return made


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def test_an_edited_rule_counts_within_a_second(site: Site, folder: Path) -> None:
    """Without a restart; nothing is journalled while nothing changes."""
    for _ in range(5):
        soon(site)
    before = len(journalled(site, RulesIn))
    edit(folder / "cable-temperature.yaml", "above: 70", "above: 60")
    edit(folder / "cable-temperature.yaml", "reset_below: 65", "reset_below: 50")
    soon(site)
    assert len(journalled(site, RulesIn)) == before + 1
    assert site.worker.engine.scope.rules["cable-temperature"].when[0].reading is not None
    assert "60" in repr(site.worker.engine.scope.rules["cable-temperature"].when[0].reading)


def test_a_wrong_file_changes_nothing_and_is_told_until_it_is_right(site: Site, folder: Path) -> None:
    """File, line and what is wrong, in both languages; also over a restart."""
    known = dict(site.worker.engine.scope.rules)
    edit(folder / "cable-temperature.yaml", "severity: high", "severity: hihg")
    soon(site)
    for _ in range(2):
        detail = site.worker.health().detail
        assert "cable-temperature.yaml:" in detail.en
        assert "cable-temperature.yaml:" in detail.zh
        assert "hihg" in detail.en
        assert site.worker.health().state == "noted"
        assert "the rules as before stay in force" in detail.en
        assert site.worker.engine.scope.rules == known
        site.kill()
        site.rules_folder = RulesFolder(folder)
        site.start_with(site.rules_folder.read())
        soon(site)
    edit(folder / "cable-temperature.yaml", "severity: hihg", "severity: low")
    soon(site)
    assert site.worker.health().state == "ok"
    assert site.worker.engine.scope.rules["cable-temperature"].severity == "low"


def test_a_rule_that_is_new_or_gone_and_an_override(site: Site, folder: Path) -> None:
    """Each as soon as it is there."""
    shutil.copy(CATALOGUE / "fire-alarm.yaml", folder)
    (folder / "door-held-open.yaml").unlink()
    soon(site)
    assert sorted(site.worker.engine.scope.rules) == ["cable-temperature", "fire-alarm"]
    (folder / "overrides").mkdir()
    (folder / "overrides" / "here.yaml").write_text(
        "- {rule: cable-temperature, where: {device: cable}, off: true, reason: taken out}\n", encoding="utf-8"
    )
    soon(site)
    assert [override.rule for override in site.worker.engine.scope.overrides] == ["cable-temperature"]


def test_rules_that_could_not_be_journalled_are_taken_later(site: Site, folder: Path) -> None:
    """The disk was full when the file was saved."""
    site.disk_is_full()
    edit(folder / "cable-temperature.yaml", "severity: high", "severity: low")
    soon(site)
    site.disk_has_room()
    soon(site)
    soon(site)
    assert site.worker.engine.scope.rules["cable-temperature"].severity == "low"
    (*_, last) = journalled(site, RulesIn)
    assert {rule.id: rule.severity for rule in last.rules}["cable-temperature"] == "low"


def test_what_files_are_in_force_is_told_once_they_are(site: Site, folder: Path) -> None:
    """At the start and with each change that is sound; again only if that could not be kept, in order, and nothing waits for it."""
    told: list[tuple[dict[str, str], int]] = []
    away = [False]

    def record(files: Mapping[str, str], at: int) -> None:
        if away[0]:
            raise OperationalError("", {}, Exception("away"))
        told.append((dict(files), at))

    site.record = record
    site.kill()
    site.start()
    soon(site)
    assert [set(files) for files, _ in told] == [{"cable-temperature.yaml", "door-held-open.yaml"}]
    assert told[0][0]["door-held-open.yaml"] == sha256((folder / "door-held-open.yaml").read_bytes()).hexdigest()

    edit(folder / "cable-temperature.yaml", "severity: high", "severity: hihg")
    soon(site)
    soon(site)
    assert len(told) == 1
    away[0] = True
    edit(folder / "cable-temperature.yaml", "severity: hihg", "severity: low")
    soon(site)
    since = site.clock.now()
    edit(folder / "cable-temperature.yaml", "severity: low", "severity: medium")
    (folder / "overrides").mkdir()
    (folder / "overrides" / "here.yaml").write_text("[]\n", encoding="utf-8")
    soon(site)
    assert site.worker.engine.scope.rules["cable-temperature"].severity == "medium"
    away[0] = False
    for _ in range(4):
        soon(site)
    assert [len(files) for files, _ in told] == [2, 2, 3]
    assert "overrides/here.yaml" in told[2][0]
    assert told[1][1] <= since < told[2][1]


# --- arming ---------------------------------------------------------------------------------------------------------


def test_arming_counts_at_once_and_is_journalled_once(site: Site) -> None:
    """Within two tenths of a second; a restart does not say it again."""
    arming = SqlArming(site.database)
    arming.set("b1", "away", "li", "nobody home", site.clock.now())
    soon(site, 0.2)
    assert site.worker.engine.memories.arming.modes == {"b1": "away"}
    arming.set("b1", None, "li", "back", site.clock.now())
    soon(site, 0.2)
    for _ in range(5):
        soon(site)
    site.kill()
    site.start()
    soon(site)
    assert [entry.modes for entry in journalled(site, ArmingIn)] == [{"b1": "away"}, {}]
    assert all(entry.now > T0 for entry in journalled(site, ArmingIn))


# --- the registry ---------------------------------------------------------------------------------------------------

NEW = Device("door-9", "c1", "gw", "door", Text("门", "Door"), "b1")


def changed(site: Site, *items: Device | Place | Gateway | Holiday) -> None:
    with site.database.write() as connection:
        save(connection, items)


def test_a_changed_device_is_journalled_alone(site: Site) -> None:
    """Known within two seconds, by what changed; removed again likewise."""
    before = len(journalled(site, RegistryIn))
    changed(site, NEW)
    soon(site)
    assert site.worker.engine.scope.registry.devices["door-9"] == NEW
    site.send(site.feed.event(3, "door-9", "access.door.opened"))
    with site.database.write() as connection:
        remove_device(connection, "door-9")
    soon(site)
    assert "door-9" not in site.worker.engine.scope.registry.devices
    assert len(journalled(site, RegistryIn)) == before
    first, second = journalled(site, RegistryChangeIn)
    assert first.changes == (RegistryChange("device", "door-9", NEW),)
    assert second.changes == (RegistryChange("device", "door-9", None),)
    site.kill()
    site.start()
    soon(site)
    assert len(journalled(site, RegistryIn)) == before
    assert site.worker.engine.scope.registry == SqlRegistry(site.database).whole()


def test_holidays_are_part_of_it(site: Site) -> None:
    """Of the district and of a community, and gone again."""
    changed(site, Holiday("", "2026-10-01", True, Text("国庆", "National day")))
    changed(site, Holiday("c1", "2026-10-01", False, Text("补班", "Working")))
    soon(site)
    assert site.worker.engine.scope.registry.holidays == {"": {"2026-10-01": True}, "c1": {"2026-10-01": False}}
    with site.database.write() as connection:
        remove_holiday(connection, "", "2026-10-01")
    soon(site)
    assert site.worker.engine.scope.registry.holidays == {"c1": {"2026-10-01": False}}


def test_a_registry_without_its_history_is_compared_as_a_whole(site: Site) -> None:
    """As one that a migration has just given a history."""
    with site.database.write() as connection:
        connection.execute(delete(schema.registry_history))
        save(connection, [NEW])
        connection.execute(schema.registry_history.update().values(known_since=True))
    soon(site)
    assert site.worker.engine.scope.registry.devices["door-9"] == NEW


ITEMS = [
    NEW,
    Place("b9", "c1", "building", Text("九", "Nine")),
    Gateway("gw-9", "c1", Text("网关", "Gateway")),
    Holiday("c1", "2026-05-01", True, Text("五一", "May day")),
]


@pytest.mark.parametrize("item", ITEMS)
def test_a_change_is_what_the_whole_would_be(item: Device | Place | Gateway | Holiday) -> None:
    """Put and removed; what is not named is as before; and it comes back from the journal."""
    kind = type(item).__name__.lower()
    before = registry()
    put = before.changed(2, [RegistryChange(kind, item.id, item)])
    assert put != before
    assert put.version == 2
    assert put.changed(1, [RegistryChange(kind, item.id, None)]) == before
    entry: Input = RegistryChangeIn(2, (RegistryChange(kind, item.id, item), RegistryChange(kind, "gone", None)))
    assert decode_input(encode_input(entry)) == entry


def test_a_shard_hears_of_its_own_and_of_what_leaves_it(site: Site) -> None:
    """A device that moves to another shard's community is removed, as are those of others never put."""
    here, there = (Shard(0, 2), Shard(1, 2)) if Shard(0, 2).covers("c1") else (Shard(1, 2), Shard(0, 2))
    clock = ManualClock(T0)
    watches = {
        shard: RegistryWatch(SqlRegistry(site.database), shard, None, AtOnce(), clock) for shard in (here, there)
    }
    known = {shard: RegistrySnapshot() for shard in watches}

    def look() -> None:
        clock.advance(2)
        for shard, watch in watches.items():
            for entry in watch.news(known[shard], ()):
                assert isinstance(entry, RegistryIn | RegistryChangeIn)
                if isinstance(entry, RegistryIn):
                    known[shard] = entry.registry
                else:
                    known[shard] = known[shard].changed(entry.version, entry.changes)

    look()
    changed(site, NEW)
    look()
    assert ("door-9" in known[here].devices, "door-9" in known[there].devices) == (True, False)
    other = next(name for name in ("c2", "c3", "c4", "c5", "c6") if there.covers(name))
    with site.database.write() as connection:
        save(
            connection,
            [Community(other, Text("别处", "Elsewhere")), Device("door-9", other, "gw-2", "door", NEW.name, "b1")],
        )
    look()
    assert ("door-9" in known[here].devices, "door-9" in known[there].devices) == (False, True)
    whole = SqlRegistry(site.database).whole()
    for shard, ours in known.items():
        assert replace(ours, version=whole.version) == whole.within(shard)


# --- strangers ------------------------------------------------------------------------------------------------------

FRESH = Device("smoke-9", "c1", "gw", "smoke_detector", Text("烟感", "Smoke"), "b1")


class Later(Executor):
    """Does what it was given when it is told to, as a database that takes its time."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, act: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Keep it for `finish`."""
        future: Future[T] = Future()

        def do() -> None:
            try:
                future.set_result(act(*args, **kwargs))
            except Exception as error:  # noqa: BLE001  (whoever asks for the result gets it)
                future.set_exception(error)

        self.waiting.append(do)
        return future

    def finish(self) -> None:
        """Do what waits."""
        waiting, self.waiting = self.waiting, []
        for do in waiting:
            do()


def put(site: Site, device: Device) -> None:
    with site.database.write() as connection:
        save(connection, [device])


def test_the_first_alarm_of_a_device_registered_a_moment_ago_counts(site: Site) -> None:
    """It is asked for before it is called a stranger's; what comes after it on its lane stays behind it."""
    site.send(site.feed.beat(0))
    put(site, FRESH)
    site.clock.advance(0.25)
    site.send(site.feed.event(1, "smoke-9", "fire.alarm.raised"), site.feed.beat(2))
    site.step()
    assert site.acks[-1].upto == 3
    assert [alert.rule for alert in site.alerts.find()] == ["fire-alarm"]
    kinds = [type(entry) for _, entry in site.journal.after(0) if not isinstance(entry, Tick)]
    assert kinds[-3:] == [RegistryChangeIn, MessageIn, MessageIn]


def test_and_of_one_that_was_moved_behind_another_gateway(site: Site) -> None:
    """Until the registry says so it is that gateway's to speak of as little as a stranger."""
    site.send(site.feed.beat(0))
    put(site, replace(registry().devices["smoke"], gateway="gw-2"))
    site.clock.advance(0.25)
    site.send(site.feed.event(1, "smoke", "fire.alarm.raised", gateway="gw-2"))
    site.step()
    assert [alert.rule for alert in site.alerts.find()] == ["fire-alarm"]


def test_who_was_registered_while_we_were_down_is_waited_for(site: Site) -> None:
    """The registry of a district takes a while to read, and meanwhile the one of before is in force."""
    site.send(site.feed.beat(0))
    site.stop()
    put(site, FRESH)
    site.executor = later = Later()
    site.start()
    site.send(site.feed.event(1, "smoke-9", "fire.alarm.raised"))
    for _ in range(5):
        site.step()
    assert site.alerts.find() == []
    assert site.acks[-1].upto == 1
    for _ in range(3):
        later.finish()
        site.clock.advance(0.25)
        site.step()
    assert [alert.rule for alert in site.alerts.find()] == ["fire-alarm"]
    assert site.acks[-1].upto == 2


def test_the_modes_count_also_when_the_registry_comes_later(site: Site) -> None:
    """The journal was lost: without a registry nothing is journalled, and nothing that was read is to be forgotten."""
    SqlArming(site.database).set("b1", "away", "li", "leave", site.clock.now())
    site.kill()
    for file in (site.folder / "rules").iterdir():
        file.unlink()
    site.executor = later = Later()
    site.start()
    for _ in range(5):
        soon(site, 0.5)
    later.finish()
    for _ in range(3):
        soon(site, 0.5)
    assert site.worker.engine.memories.arming.modes == {"b1": "away"}


@pytest.mark.parametrize("full_disk", [False, True])
def test_an_alarm_behind_a_strangers_event_waits_for_no_database(site: Site, full_disk: bool) -> None:
    """For two seconds at most; and with the disk full it is told from memory."""
    site.executor = Later()
    site.kill()
    site.start(full_disk=full_disk)
    site.send(site.feed.event(1, "nobody", "fire.alarm.raised"), site.feed.event(2, "smoke", "fire.alarm.raised"))
    for _ in range(5):
        site.clock.advance(0.5)
        site.step()
    assert [notice.rule for notice in site.notices] == ["fire-alarm"]
    assert len(site.alerts.find()) == (0 if full_disk else 1)


def test_strangers_are_answered_and_cost_a_look_now_and_then(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is in no registry gets an acknowledgement, so that its lane goes on."""
    looks: list[int] = []
    since = SqlRegistry.since

    def counted(registry: SqlRegistry, version: int) -> tuple[int, list[RegistryChange]] | None:
        looks.append(version)
        return since(registry, version)

    monkeypatch.setattr(SqlRegistry, "since", counted)
    for number in range(100):
        site.send(site.feed.event(1 + number / 100, "nobody", "fire.alarm.raised"))
    site.step()
    assert site.acks[-1].upto == 100
    assert 0 < len(looks) < 40, "in some six seconds"
    assert site.alerts.find() == []
