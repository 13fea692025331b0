"""Which of several words counts, who contradicts it, and when it is stale."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.clock import DAY
from linli.registry.changes import PERSON, Origin
from linli.registry.facts import (
    FRESH_FOR,
    Claim,
    Doubtful,
    contradicted_from,
    doubtful,
    fact,
    facts,
    said,
    stale_from,
)
from linli.registry.kinds import KINDS

SURVEY, FILE = "survey", "property.xlsx"


def claim(value: str, at: int, confidence: float = 0.8) -> Claim:
    return Claim(value, at, confidence, at)


def test_the_more_confident_counts_then_the_later() -> None:
    """Both are kept, and the other is shown."""
    found = fact({SURVEY: claim("a", 10, 0.9), FILE: claim("b", 20, 0.5)})
    assert (found.value, found.source, dict(found.against)) == ("a", SURVEY, {FILE: claim("b", 20, 0.5)})
    assert fact({SURVEY: claim("a", 10), FILE: claim("b", 20)}).value == "b"
    assert contradicted_from(found) == 20


def test_who_agrees_contradicts_nobody() -> None:
    """Two sources, one value: confirmed by the later."""
    found = fact({SURVEY: claim("a", 10), FILE: claim("a", 20)})
    assert (found.value, found.against, found.confirmed) == ("a", {}, 20)
    assert contradicted_from(found) is None


def test_what_a_person_settles_goes_over_all_that_was_said_before() -> None:
    """However sure that was; what is said later stands beside it again."""
    before = {SURVEY: claim("a", 10, 1.0), PERSON: claim("b", 20, 0.1)}
    assert (fact(before).value, fact(before).against) == ("b", {})
    later = before | {FILE: claim("c", 30, 0.9)}
    assert (fact(later).value, fact(later).source, set(fact(later).against)) == ("c", FILE, {PERSON})
    sure = {PERSON: claim("b", 20, 1.0), FILE: claim("c", 30, 0.9)}
    assert (fact(sure).value, set(fact(sure).against)) == ("b", {FILE})


def test_a_word_repeated_is_the_same_word() -> None:
    """Within a day nothing changes at all, so a file imported twice changes nothing; later it is confirmed."""
    first = said(FILE, {}, {"name": "a"}, Origin(100, confidence=0.8))
    assert said(FILE, first, {"name": "a"}, Origin(100 + DAY - 1, confidence=0.8)) == first
    again = said(FILE, first, {"name": "a"}, Origin(100 + DAY, confidence=0.8))
    assert again == {"name": Claim("a", 100, 0.8, 100 + DAY)}


def test_a_file_imported_each_night_does_not_undo_what_was_settled() -> None:
    """It says what it said before the person did."""
    night = said(FILE, {}, {"name": "a"}, Origin(100, confidence=1.0))
    person = said(PERSON, {}, {"name": "b"}, Origin(200))
    night = said(FILE, night, {"name": "a"}, Origin(100 + 9 * DAY, confidence=1.0))
    found = facts({FILE: night, PERSON: person})["name"]
    assert (found.value, found.against) == ("b", {})


def test_an_empty_cell_is_no_word_but_from_a_person() -> None:
    """A table that does not know takes nothing away; somebody who empties a field does."""
    known = said(FILE, {}, {"phone": "1"}, Origin(100))
    assert said(FILE, known, {"phone": None}, Origin(200)) == known
    assert said(PERSON, {}, {"phone": None}, Origin(200)) == {"phone": Claim(None, 200, 1.0, 200)}


def test_an_older_file_does_not_take_back_what_its_source_said_later() -> None:
    """Somebody imports last year's by mistake."""
    known = said(FILE, {}, {"name": "new"}, Origin(200))
    assert said(FILE, known, {"name": "old"}, Origin(100)) == known


def test_a_fact_grows_stale_by_its_class() -> None:
    """A telephone number after a year, counted from the last confirmation; a name never; nothing known never."""
    days = FRESH_FOR["contact", "value"].days
    number = fact({FILE: Claim("138", 0, 0.8, 5 * DAY)})
    assert stale_from("contact", "value", number) == (5 + days) * DAY
    assert stale_from("place", "name", number) is None
    assert stale_from("contact", "value", fact({PERSON: claim(None, 0)})) is None  # type: ignore[arg-type]
    assert doubtful("contact", {"value": number}) == Doubtful((5 + days) * DAY, contradicted=False)
    assert doubtful("place", {"name": number}) is None


def test_what_contradicts_itself_is_looked_at_since_it_does() -> None:
    """Before it is stale."""
    found = {"value": fact({SURVEY: claim("a", 10, 0.9), FILE: claim("b", 20)})}
    assert doubtful("contact", found) == Doubtful(20, contradicted=True)


def test_every_class_is_of_a_field_and_says_why() -> None:
    """A number without a reason is nobody's."""
    for (kind, name), fresh in FRESH_FOR.items():
        assert name in KINDS[kind].fields
        assert fresh.days > 0
        assert fresh.why.zh
        assert fresh.why.en


CLAIMS = st.dictionaries(
    st.sampled_from([PERSON, SURVEY, FILE, "gate"]),
    st.builds(Claim, st.sampled_from("abc"), st.integers(0, 5), st.sampled_from([0.1, 0.5, 1.0]), st.integers(0, 9)),
    min_size=1,
)


@given(CLAIMS)
def test_no_word_is_lost(claims: dict[str, Claim]) -> None:
    """Each says what counts, contradicts it, or was settled by a person after it was said."""
    found = fact(claims)
    assert claims[found.source].value == found.value
    for source, one in claims.items():
        settled = PERSON in claims and source != PERSON and one.at <= claims[PERSON].at
        assert (source in found.against) == (one.value != found.value and not settled)


@given(CLAIMS, st.permutations([PERSON, SURVEY, FILE, "gate"]))
def test_the_order_in_which_sources_come_does_not_matter(claims: dict[str, Claim], order: list[str]) -> None:
    """Files are imported when people get to it."""
    assert fact({source: claims[source] for source in order if source in claims}) == fact(claims)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_one_word_counts_however_unsure(confidence: float) -> None:
    """There is no better."""
    assert fact({FILE: claim("a", 1, confidence)}).value == "a"


@given(CLAIMS)
def test_one_source_alone_is_judged_as_among_several(claims: dict[str, Claim]) -> None:
    """There is a shorter way for it."""
    for source, one in claims.items():
        assert facts({source: {"name": one}}) == {"name": fact({source: one})}
