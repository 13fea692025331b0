"""What a rule is like somewhere: who goes over whom, key by key, and what makes no sense."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.errors import ConfigError
from linli.i18n import Text
from linli.model import Device, Place, Severity
from rules.language.check import check
from rules.language.load import RuleBook, load_book, load_rules
from rules.language.model import Override, Rule, Where
from rules.language.overrides import Overrides, chain, clashes, effective
from tests.unit.rules.world import registry, rule_of, rule_text

HOT = "  - reading: {quantity: temperature, above: 70, reset_below: 65, unit: Cel, for: 30s}\n"
WET = "  - state:\n      begins: {types: [access.door.opened], where: {side: a}}\n      ends: [{types: [access.door.closed]}]\n"


def override(change: dict[str, Any] | None = None, *, off: bool = False, **where: str) -> Override:
    """An override of test-rule at `where`."""
    return Override(rule="test-rule", where=Where(**where), change=change or {}, off=off)


def above(limit: float, **where: str) -> Override:
    """One that moves the limit of the first clause."""
    return Override(rule="test-rule", where=Where(**where), change={"when": {"1": {"reading": {"above": limit}}}})


RULE = msgspec.yaml.decode(rule_text(HOT + WET), type=Rule)


@pytest.fixture
def rule() -> Rule:
    return RULE


# --- who goes over whom ---------------------------------------------------------------------------------------------


def test_the_chain_goes_inwards() -> None:
    """Community, outer place, inner place, device: whatever the order in which they were written; others' are left out."""
    known = registry()
    written = [
        above(4, device="smoke"),
        above(3, place="b1-f3"),
        above(9, device="heat"),
        above(1, community="c1"),
        above(8, place="b2"),
        above(2, place="b1"),
        above(7, community="c2"),
    ]
    line = chain(written, known.devices["smoke"], known)
    assert [one.where for one in line] == [
        Where(community="c1"),
        Where(place="b1"),
        Where(place="b1-f3"),
        Where(device="smoke"),
    ]
    assert Overrides([]).chain(known.devices["smoke"], known) == ()


def test_what_an_override_is_laid_over() -> None:
    """All around it of its rule, the outermost first: the chain of a device is what its own override is under."""
    known = registry()
    device, inner, outer, community = (
        above(4, device="smoke"),
        above(3, place="b1-f3"),
        above(2, place="b1"),
        above(1, community="c1"),
    )
    other = Override(rule="another", where=Where(community="c1"), off=True)
    index = Overrides([other, device, inner, above(9, device="heat"), community, above(8, place="b2"), outer])
    assert index.under(device, known) == (community, outer, inner, device)
    assert index.under(inner, known) == (community, outer, inner)
    assert index.under(community, known) == (community,)
    assert index.under(above(5, place="nowhere"), known) == (above(5, place="nowhere"),)


def test_a_ring_of_places_is_gone_round_once() -> None:
    """A registry that somebody has tied into a ring hangs nothing."""
    known = registry()
    for name, parent in (("x", "y"), ("y", "x")):
        known.places[name] = Place(name, "c1", "zone", Text(name, name), parent)
    device = Device("d", "c1", "gw", "door", Text("d", "d"), "x")
    assert [one.where.place for one in chain([above(1, place="x"), above(2, place="y")], device, known)] == ["y", "x"]


def test_the_later_goes_over_the_earlier_key_by_key(rule: Rule) -> None:
    """What the inner one does not say stays as the outer one has it; what neither says, as the rule has it."""
    result = effective(
        rule,
        [
            override({"severity": "high", "when": {"1": {"reading": {"above": 80, "for": "1m"}}}}, community="c1"),
            above(75, place="b1"),
        ],
    )
    assert result is not None
    part = result.when[0].reading
    assert part is not None
    assert (result.severity, part.above, part.hold, part.reset_below) == (Severity.HIGH, 75, "1m", 65)
    assert result.when[1] == rule.when[1]


def test_objects_are_merged_lists_replaced_and_null_takes_away(rule: Rule) -> None:
    """`where` keeps its other keys; `route` is the new one; a limit turns into another when the old is taken away."""
    change = {
        "route": ["electrician", "property"],
        "when": {
            "1": {"reading": {"above": None, "at_least": 60, "reset_below": None}},
            "2": {"state": {"begins": {"where": {"floor": 3}}}},
        },
    }
    result = effective(rule, [override(change, device="cable")])
    assert result is not None
    assert result.route == ("electrician", "property")
    hot, wet = result.when[0].reading, result.when[1].state
    assert hot is not None
    assert wet is not None
    assert (hot.above, hot.at_least, hot.reset_below) == (None, 60, None)
    assert wet.begins.where == {"side": "a", "floor": 3}


def test_off_holds_within_until_an_inner_one_says_otherwise(rule: Rule) -> None:
    """The innermost that speaks of the rule decides."""
    off = override(off=True, community="c1")
    assert effective(rule, [off]) is None
    assert effective(rule, [above(60, community="c1"), override(off=True, place="b1")]) is None
    assert effective(rule, [off, above(60, place="b1")]) == effective(rule, [above(60, place="b1")])


def test_nothing_of_another_rule_is_taken(rule: Rule) -> None:
    """And no override leaves the rule itself."""
    other = Override(rule="another", where=Where(community="c1"), off=True)
    assert effective(rule, [other]) is rule


def test_what_makes_no_sense_together_is_passed_over_and_named(rule: Rule) -> None:
    """Each is sound by itself; the inner limit lies below the outer reset. A rule that watches wrongly is worse."""
    outer = override({"when": {"1": {"reading": {"reset_below": 68}}}}, community="c1")
    inner = override({"when": {"1": {"reading": {"above": 66}}}}, place="b1")
    assert effective(rule, [outer, inner]) == effective(rule, [outer])
    ((blamed, said),) = clashes([rule], [outer, inner], registry())
    assert blamed is inner
    assert "wrong side" in said.en
    assert clashes([rule], [outer], registry()) == []


KEYS = (
    "when",
    "1",
    "2",
    "3",
    "reading",
    "state",
    "begins",
    "ends",
    "above",
    "reset_below",
    "for",
    "where",
    "severity",
    "title",
    "zh",
    "by",
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 99)
    | st.floats()
    | st.sampled_from(("30s", "high", "0s", "access.door.opened", "")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.dictionaries(st.sampled_from(KEYS), values, max_size=2), max_size=3))
def test_whatever_is_written_leaves_a_rule_that_is_sound(changes: list[dict[str, Any]]) -> None:
    """The engine asks whenever the registry changes: it never raises, and what it gives has been checked."""
    result = effective(RULE, [override(change, community="c1") for change in changes])
    assert result is not None
    check(result)


# --- files ----------------------------------------------------------------------------------------------------------

GOOD = """
- rule: test-rule
  where: {place: b1}
  change:
    when:
      1: {reading: {above: 60, reset_below: 50}}
  reason: old cables
"""


def book(folder: Path, text: str, *, more: str = "", head: str = "") -> RuleBook:
    """The rules of a folder with one override file."""
    rule_of(folder, HOT + WET, more=head)
    (folder / "overrides").mkdir(exist_ok=True)
    (folder / "overrides" / "here.yaml").write_text(text.lstrip(), encoding="utf-8")
    if more:
        (folder / "overrides" / "more.yaml").write_text(more.lstrip(), encoding="utf-8")
    return load_book(folder)


def test_a_good_file_loads(tmp_path: Path) -> None:
    """A clause's number needs no quotes."""
    (one,) = book(tmp_path, GOOD).overrides
    assert (one.rule, one.where, one.reason) == ("test-rule", Where(place="b1"), "old cables")
    assert one.change == {"when": {"1": {"reading": {"above": 60, "reset_below": 50}}}}


def test_a_folder_of_its_own_adds_to_that_of_the_rules(tmp_path: Path) -> None:
    """The setting rules_overrides: a district's catalogue stays as it came."""
    elsewhere = tmp_path / "site"
    elsewhere.mkdir()
    text = "- {rule: camera-offline, where: {community: c1}, change: {severity: high}}\n"
    (elsewhere / "site.yaml").write_text(text, encoding="utf-8")
    found = load_book(None, elsewhere)
    assert [one.rule for one in found.overrides] == ["camera-offline"]
    assert found.rules == load_rules()
    with pytest.raises(ConfigError, match="no such folder of overrides"):
        load_book(None, tmp_path / "none")


FAULTS = [
    ("not a list", "rule: test-rule\n", 1, "begins with '- rule:'"),
    ("a rule", rule_text(HOT), 1, "this is a rule, not a list of overrides: it belongs in the folder of rules"),
    ("an unknown rule", GOOD.replace("test-rule", "test-rul"), 1, "did you mean 'test-rule'?"),
    ("an unknown key", GOOD.replace("reason", "reasn"), 6, "did you mean 'reason'?"),
    ("nowhere", GOOD.replace("{place: b1}", "{}"), 2, "exactly one of community, place, device"),
    ("in two places", GOOD.replace("{place: b1}", "{place: b1, device: d}"), 2, "exactly one"),
    ("an unknown key in the rule", GOOD.replace("above", "abov"), 5, "did you mean 'above'?"),
    ("a value of the wrong kind", GOOD.replace("60", "hot"), 5, "reading.above is to be a number, not a text"),
    ("no such clause", GOOD.replace("      1:", "      3:"), 5, "no number from 1 to 2"),
    ("a clause by name", GOOD.replace("      1:", "      first:"), 5, "no number from 1 to 2"),
    ("a reset on the wrong side", GOOD.replace("reset_below: 50", "reset_below: 61"), 5, "wrong side of the limit 60"),
    ("what is the same everywhere", GOOD.replace("  change:\n", "  change:\n    settle: 3s\n"), 4, "same everywhere"),
    (
        "another memory",
        GOOD.replace("1: {reading: {above: 60, reset_below: 50}}", "2: {by: place}"),
        5,
        "by is the same",
    ),
    ("nothing", "- {rule: test-rule, where: {device: cable}}\n", 1, "say what to change"),
    ("off and a change", GOOD + "  off: true\n", 7, "nothing to change"),
    ("the same twice", GOOD + GOOD, 8, "here.yaml has an override of test-rule there already"),
]


@pytest.mark.parametrize(("text", "line", "said"), [item[1:] for item in FAULTS], ids=[item[0] for item in FAULTS])
def test_a_fault_names_file_line_and_reason(tmp_path: Path, text: str, line: int, said: str) -> None:
    """As in a rule file."""
    with pytest.raises(ConfigError) as caught:
        book(tmp_path, text)
    assert caught.value.file == tmp_path / "overrides" / "here.yaml"
    assert (caught.value.line, said in caught.value.reason.en) == (line, True), caught.value.text.en
    assert caught.value.reason.zh.strip()


def test_one_place_has_one_override_of_a_rule_over_all_files(tmp_path: Path) -> None:
    """Or the order of file names would decide."""
    with pytest.raises(ConfigError, match=r"more\.yaml:1: here\.yaml has an override"):
        book(tmp_path, GOOD, more=GOOD)


def test_life_safety_is_switched_off_only_with_a_reason(tmp_path: Path) -> None:
    """It is the only thing that silences such a rule."""
    head = "latched: true\nlife_safety: true\n"
    text = "- {rule: test-rule, where: {device: cable}, off: true%s}\n"
    with pytest.raises(ConfigError, match="give the reason"):
        book(tmp_path, text % "", head=head)
    assert book(tmp_path, text % ", reason: exchanged on Monday", head=head).overrides[0].off
