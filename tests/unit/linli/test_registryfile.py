"""The registry file: what a site's hands write, and every fault told by line."""

from pathlib import Path

import pytest

from linli.errors import ConfigError
from linli.i18n import Text
from linli.model import Community, Device, Holiday, Place
from linli.registry.model import Committee, Equipment, Organisation
from linli.registryfile import load_registry

EXAMPLE = Path(__file__).parents[3] / "edge" / "examples" / "registry.yaml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "registry.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


def test_the_example_is_read_whole() -> None:
    """Every item of the example is there, with its names."""
    items = {item.id: item for item in load_registry(EXAMPLE)}
    assert len(items) == 12
    device = items["c101-water-01"]
    assert isinstance(device, Device)
    assert (device.gateway, device.place, device.facility) == ("gw-c101", "c101-b1-pump", "c101-pumps")
    assert device.name.zh == "泵坑水浸探头"


def test_places_come_after_their_parents(tmp_path: Path) -> None:
    """The order in the file does not matter: the database wants parents first."""
    file = tmp_path / "registry.yaml"
    file.write_text(
        "communities: [{id: c1, name: {zh: 一, en: One}}]\n"
        "places:\n"
        "  - {id: room, community: c1, kind: room, parent: house, name: {zh: 房, en: Room}}\n"
        "  - {id: house, community: c1, kind: building, name: {zh: 楼, en: House}}\n",
        encoding="utf-8",
    )
    assert [item.id for item in load_registry(file) if isinstance(item, Place)] == ["house", "room"]


def test_what_is_registered_already_may_be_named(tmp_path: Path) -> None:
    """A second file adds devices to the compound of the first."""
    known = load_registry(EXAMPLE)
    file = tmp_path / "more.yaml"
    file.write_text(
        "devices:\n"
        "  - {id: c101-door-01, community: c101, gateway: gw-c101, kind: door, place: c101-b1, name: {zh: 门, en: Door}}\n",
        encoding="utf-8",
    )
    (item,) = load_registry(file, known)
    assert isinstance(item, Device)
    assert isinstance(known[0], Community)


WHOLE = """
districts: [{id: lakeside, name: {zh: 望湖区, en: Lakeside}}]
committees: [{id: hubin, district: lakeside, kind: village, name: {zh: 湖滨, en: Hubin}}]
organisations: [{id: green, kind: property, phone: 021-5555 1234, name: {zh: 绿城, en: Green}}]
communities: [{id: c1, committee: hubin, kind: commercial, manager: green, name: {zh: 一, en: One}}]
places: [{id: b1, community: c1, kind: building, code: "12", name: {zh: 楼, en: House}}]
gateways: [{id: gw, community: c1, name: {zh: 网关, en: Gateway}}]
devices:
  - {id: door, community: c1, gateway: gw, kind: door, place: b1, parent: supply, serial: S-1, latitude: 31.2, longitude: 121.5, name: {zh: 门, en: Door}}
  - {id: supply, community: c1, gateway: gw, kind: relay, place: b1, name: {zh: 电源, en: Supply}}
"""


def test_all_that_there_is_may_be_in_it(tmp_path: Path) -> None:
    """The district around the site, numbers, what a device hangs on (also one further down), and what stands there."""
    file = tmp_path / "registry.yaml"
    file.write_text(WHOLE, encoding="utf-8")
    items = load_registry(file)
    found = {(type(item), item.id): item for item in items}
    assert found[Community, "c1"] == Community("c1", Text("一", "One"), "Asia/Shanghai", "hubin", "commercial", "green")
    assert found[Committee, "hubin"] == Committee("hubin", "lakeside", "village", Text("湖滨", "Hubin"))
    assert found[Organisation, "green"].name.en == "Green"  # type: ignore[union-attr]
    device, building = found[Device, "door"], found[Place, "b1"]
    assert isinstance(device, Device)
    assert isinstance(building, Place)
    assert (device.parent, building.code) == ("supply", "12")
    assert found[Equipment, "door"] == Equipment("door", "c1", "S-1", latitude=31.2, longitude=121.5)
    assert (Equipment, "supply") not in found


def test_what_a_file_leaves_out_stays_as_it_is_registered(tmp_path: Path) -> None:
    """A file from before there were numbers and committees takes none of them away."""
    file = tmp_path / "registry.yaml"
    file.write_text(WHOLE, encoding="utf-8")
    known = load_registry(file)
    short = "\n".join(
        line for line in WHOLE.splitlines() if line.startswith(("communities", "places", "gateways", "devices", "  -"))
    )
    for left_out in (
        "committee: hubin, kind: commercial, manager: green, ",
        'code: "12", ',
        "parent: supply, ",
        "serial: S-1, ",
    ):
        assert left_out in short
        short = short.replace(left_out, "")
    file.write_text(short, encoding="utf-8")
    have = {(type(item), item.id): item for item in known}
    assert [item for item in load_registry(file, known) if have[type(item), item.id] != item] == []


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("committee: hubin", "committee: xihu", 5, "xihu"),
        ("district: lakeside", "district: lake", 3, "did you mean lakeside"),
        ("kind: village", "kind: vilage", 3, "village"),
        ("manager: green", "manager: hubin", 5, "hubin"),
        ('code: "12"', "code: 12 号楼", 6, "code: is written 12"),
        ("parent: supply", "parent: suply", 9, "supply"),
        (", longitude: 121.5", "", 9, "latitude and longitude go together"),
        ("latitude: 31.2", "latitude: 131.2", 9, "latitude is -90 to 90"),
        ("021-5555 1234", "call me", 4, "phone"),
    ],
)
def test_faults_of_what_is_new_are_told_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, line: int, said: str
) -> None:
    """As all others."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    assert old in WHOLE
    file = tmp_path / "registry.yaml"
    file.write_text(WHOLE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as fault:
        load_registry(file)
    assert fault.value.line == line
    assert said in str(fault.value)


HOLIDAYS = """
communities: [{id: c1, name: {zh: 一, en: One}}]
holidays:
  - {day: 2026-10-01, holiday: true, name: {zh: 国庆节, en: National Day}}
  - {day: 2026-10-10, holiday: false, community: c1}
"""


def test_holidays_may_be_in_it(tmp_path: Path) -> None:
    """Of the district or of a compound, with a plain name where none is given."""
    file = tmp_path / "registry.yaml"
    file.write_text(HOLIDAYS, encoding="utf-8")
    days = [item for item in load_registry(file) if isinstance(item, Holiday)]
    assert [(day.community, day.day, day.is_holiday) for day in days] == [
        ("", "2026-10-01", True),
        ("c1", "2026-10-10", False),
    ]
    assert (days[0].name.zh, days[1].name.en) == ("国庆节", "Working day made up")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("2026-10-10", "2026-10-32", "write it as"),
        ("community: c1", "community: c2", "no compound c2"),
        ("holiday: false, community: c1", "holiday: nope", "holiday is to be true or false, not a text"),
        ("2026-10-10, holiday: false, community: c1", "2026-10-01, holiday: false", "given twice"),
    ],
)
def test_a_holiday_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, said: str) -> None:
    """Told by its line."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    file = tmp_path / "registry.yaml"
    assert old in HOLIDAYS
    file.write_text(HOLIDAYS.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as fault:
        load_registry(file)
    assert fault.value.line == 5
    assert said in str(fault.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("kind: water_probe", "kind: waterprobe", 17, "water_probe"),
        ("gateway: gw-c101 ", "gateway: gw-c10 ", 16, "gw-c101"),
        ("community: c101, kind: building", "community: c9, kind: building", 7, "c9"),
        ("parent: c101-b1,", "parent: c101-bx,", 8, "c101-bx"),
        ("id: gw-c101,", "id: GW,", 10, "GW"),
        ("{id: c101-b1-pump, c", "{id: c101-b1, c", 8, "used"),
        ("{zh: 1号楼, en: Building 1}", "{zh: 1号楼}", 7, "en"),
        ("timezone: Asia/Shanghai", "timezone: Asia/Nowhere", 5, "Nowhere"),
        ("interval_s: 3600", "interval_s: 0", 20, "above 0"),
        ("interval_s: 3600", "intervals: 3600", 20, "interval_s"),
        ("facility: c101-pumps", "facility: c101-b1", 19, "facility"),
        ("parent: c101-b1,", "parent: c101-b1-pump,", 8, "parent"),
    ],
)
def test_faults_are_told_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, line: int, said: str
) -> None:
    """Each names the line and what would be right; nothing of the file is taken."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    with pytest.raises(ConfigError) as fault:
        load_registry(changed(tmp_path, old, new))
    assert fault.value.line == line
    assert said in str(fault.value)
