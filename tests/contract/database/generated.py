"""Registries made by hypothesis, with all kinds in them, and texts that spreadsheets like to change."""

from collections.abc import Iterator

from hypothesis import strategies as st

from linli.i18n import Text
from linli.registry.inhabitants import Consent, Contact, Household, Person, Resident
from linli.registry.kinds import Item
from linli.registry.model import (
    Committee,
    Community,
    Device,
    District,
    Equipment,
    Facility,
    FloorPlan,
    Gateway,
    Holiday,
    Organisation,
    Place,
    Staff,
    Team,
)

_LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp", "Cf", "Co", "Cn"))
_WORDS = st.text(_LETTERS, min_size=1, max_size=12)
_ODD_WORDS = st.sampled_from(
    ["=cmd()", "+1", "-1", "@x", "'=a", "''-", "0101", 'a"b', "a,b", "a;b", "1.0", "TRUE", "-"]
)
_NAME = st.builds(Text, _WORDS | _ODD_WORDS, _WORDS | _ODD_WORDS)
_CODE = st.from_regex(r"[0-9A-Z]{1,4}", fullmatch=True)
_PHONE = st.from_regex(r"\+?[0-9][0-9 ()-]{3,12}[0-9]", fullmatch=True)
_MICROS = st.integers(0, 4_000_000_000_000_000)
_METRES = st.floats(0.001, 10_000)


@st.composite
def registries(draw: st.DrawFn) -> list[Item | Holiday]:
    """A small district with all kinds in it, and texts that spreadsheets like to change."""
    found: list[Item | Holiday] = [
        District("d", draw(_NAME)),
        Committee("k", "d", "village", draw(_NAME)),
        Organisation("o", "property", draw(_NAME), draw(st.none() | _PHONE)),
        Holiday("", "2026-10-01", draw(st.booleans()), draw(_NAME)),
    ]
    staff = [Staff(f"s{number}", "o", draw(_WORDS), draw(st.just("") | _WORDS)) for number in range(2)]
    for number in range(draw(st.integers(1, 2))):
        home = f"c{number}"
        zone = draw(st.sampled_from(["Asia/Shanghai", "UTC", "Europe/Paris"]))
        found.append(Community(home, draw(_NAME), zone, draw(st.sampled_from([None, "k"])), None, "o"))
        found += _in_compound(draw, home)
    found += [*staff, Team("t", "o", draw(_NAME), ("s0", "s1"), ("c0",), draw(st.sampled_from([(), ("k",)])))]
    return found


def _in_compound(draw: st.DrawFn, home: str) -> Iterator[Item]:
    codes = draw(st.lists(_CODE, min_size=1, max_size=2, unique=True))
    for code in codes:
        yield Place(f"{home}-b{code.lower()}", home, "building", draw(_NAME), None, code)
    building = f"{home}-b{codes[0].lower()}"
    yield Place(f"{home}-floor", home, "floor", draw(_NAME), building, "3")
    yield Place(f"{home}-room", home, "dwelling", draw(_NAME), f"{home}-floor", draw(_CODE))
    yield Place(f"{home}-zone", home, "zone", draw(_NAME))
    yield Place(f"{home}-plant", home, "plant_room", draw(_NAME), f"{home}-zone")
    yield Place(f"{home}-old", home, "building", draw(_NAME))
    yield FloorPlan(f"{home}-plan", home, building, draw(_NAME), "plan.png", draw(_METRES), draw(_METRES))
    yield Gateway(f"{home}-gw", home, draw(_NAME))
    yield Facility(f"{home}-f", home, "garage", draw(_NAME), f"{home}-zone")
    for number in range(2):
        key = f"{home}-dev{number}"
        place = draw(st.sampled_from([building, f"{home}-plant", f"{home}-room", f"{home}-old"]))
        parent = f"{home}-dev1" if number == 0 and draw(st.booleans()) else None
        interval = draw(st.none() | st.floats(0.1, 1e6))
        yield Device(key, home, f"{home}-gw", "camera", draw(_NAME), place, f"{home}-f", interval, parent)
        at = draw(st.booleans())
        yield Equipment(
            key,
            home,
            draw(st.none() | _ODD_WORDS.filter(lambda word: word != "-")),
            draw(st.none() | _WORDS),
            draw(st.none() | _MICROS),
            draw(st.floats(-90, 90)) if at else None,
            draw(st.floats(-180, 180)) if at else None,
        )
    yield Household(f"{home}-h", home, f"{home}-room", "owner")
    yield Person(
        f"{home}-p", home, draw(_WORDS | _ODD_WORDS), "female", draw(st.sampled_from([None, "1953", "1953-07"]))
    )
    yield Resident(f"{home}-r", home, f"{home}-h", f"{home}-p", "head", "2020-01-02")
    yield Contact(f"{home}-co", home, f"{home}-p", "mobile", draw(_PHONE), 1, draw(st.none() | _MICROS))
    yield Consent(f"{home}-a", home, f"{home}-p", "care", draw(st.booleans()), draw(_MICROS), "form")
