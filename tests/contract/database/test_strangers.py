"""The list of devices that report and are not registered: bounded, shared fairly, and adopted."""

from collections import Counter
from dataclasses import replace

import pytest

from linli.db import strangers as module
from linli.db.database import Database
from linli.db.registry import read_registry
from linli.db.registrymerging import merge
from linli.db.registrywriting import put
from linli.db.scoping import guarded
from linli.db.strangers import FORGOTTEN_AFTER, LeftOut, SqlStrangers, adopt, dismiss, left_out, strangers
from linli.errors import Conflict, NotFound
from linli.registry.changes import BadItem, Key
from linli.registry.model import Device
from linli.registry.strangers import MOST_SAMPLES, MOST_WORDS, Sample, Stranger, shortened
from tests.contract.database.district import AT, EVERYTHING, NAME

SAMPLE = Sample(5, "temperature", 21.5, "Cel")
PROBE = Stranger("c1", "gw", "probe", 10, 20, 3, ("temperature",), (), (SAMPLE,))
NO_MORE: Counter[tuple[str, str]] = Counter()


def listed(database: Database) -> list[Stranger]:
    with database.read() as connection:
        return strangers(connection)


def test_what_a_stranger_sent_is_gathered(database: Database) -> None:
    """First and last time, how often, of what kinds, and the last few samples as they were."""
    kept = SqlStrangers(database)
    kept.put([PROBE], NO_MORE, 20)
    event = Sample(7, "sensor.contact.opened", data={"floor": 3})
    later = Stranger("c1", "gw", "probe", 30, 40, 2, (), ("sensor.contact.opened",), (event,) * MOST_SAMPLES)
    kept.put([later], NO_MORE, 40)
    assert listed(database) == [
        Stranger("c1", "gw", "probe", 10, 40, 5, ("temperature",), ("sensor.contact.opened",), (event,) * MOST_SAMPLES)
    ]
    with guarded(database).of({"c2"}).read() as connection:
        assert strangers(connection) == []


def test_a_gateway_that_makes_up_names_fills_its_own_part_only(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What finds no room is counted; who is on the list is still heard, and others find room."""
    monkeypatch.setattr(module, "OF_A_GATEWAY", 3)
    monkeypatch.setattr(module, "OVER_ALL", 5)
    kept = SqlStrangers(database)
    kept.put([replace(PROBE, device=f"fuzz-{number}") for number in range(10)], NO_MORE, 20)
    kept.put([replace(PROBE, device="fuzz-1"), replace(PROBE, gateway="gw-2")], Counter({("c1", "gw"): 4}), 30)
    found = {(one.gateway, one.device): one.times for one in listed(database)}
    assert found == {("gw", "fuzz-0"): 3, ("gw", "fuzz-1"): 6, ("gw", "fuzz-2"): 3, ("gw-2", "probe"): 3}
    with database.read() as connection:
        assert left_out(connection) == [LeftOut("c1", "gw", 7 * 3 + 4, 30)]
    kept.put([replace(PROBE, gateway="gw-3"), replace(PROBE, gateway="gw-4")], NO_MORE, 40)
    assert len(listed(database)) == 5
    much_later = 50 + FORGOTTEN_AFTER
    kept.put([replace(PROBE, gateway="gw-5", last_seen=much_later)], NO_MORE, much_later)
    assert [one.gateway for one in listed(database)] == ["gw-5"]


def test_a_stranger_is_adopted_or_dismissed(database: Database) -> None:
    """Registered, it is on the list no more; one that reports again after it was dismissed is."""
    kept = SqlStrangers(database)
    with database.write() as connection:
        put(connection, EVERYTHING, AT)
    kept.put([PROBE, replace(PROBE, device="door"), replace(PROBE, device="other")], NO_MORE, 20)
    assert {one.device for one in listed(database)} == {"probe", "other"}
    device = Device("probe", "c1", "gw", "water_probe", NAME, "c1-12")
    with pytest.raises(BadItem), database.write() as connection:
        adopt(connection, replace(device, place="nowhere"), AT)
    with database.write() as connection:
        adopt(connection, device, AT)
        assert read_registry(connection).devices["probe"] == device
    with pytest.raises(NotFound), database.write() as connection:
        adopt(connection, device, AT)
    with database.write() as connection:
        assert dismiss(connection, "gw", "other") == 1
        assert dismiss(connection, "gw") == 1
    assert listed(database) == []
    kept.put([replace(PROBE, device="other")], NO_MORE, 30)
    assert [one.device for one in listed(database)] == ["other"]


def test_what_was_merged_into_another_is_known_by_that_id(database: Database) -> None:
    """It cannot be registered once more, nor brought back: whoever sees it report is told what to do."""
    with database.write() as connection:
        put(connection, [*EVERYTHING, Device("probe", "c1", "gw", "door", NAME, "c1-12-1")], AT)
        merge(connection, Key("device", "probe"), Key("device", "door"), AT)
    SqlStrangers(database).put([PROBE], NO_MORE, 20)
    with pytest.raises(Conflict, match="merged into door: let its gateway"), database.write() as connection:
        adopt(connection, Device("probe", "c1", "gw", "door", NAME, "c1-12-1"), AT)
    assert [one.device for one in listed(database)] == ["probe"]


def test_what_is_remembered_is_bounded() -> None:
    """However much a device sends."""
    many = tuple(f"q{number}" for number in range(50))
    grown = PROBE.with_more(replace(PROBE, quantities=many, samples=(SAMPLE,) * 50))
    assert (len(grown.quantities), len(grown.samples)) == (MOST_WORDS, MOST_SAMPLES)
    assert grown.quantities[0] == "temperature"
    data = shortened({"list": [1], "text": "x" * 1_000, **{f"k{number}": number for number in range(50)}})
    assert len(data) == 10
    assert data["text"] == "x" * 100
