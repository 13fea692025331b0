"""The book of alerts by itself: what signals, people and deadlines make of an alert."""

import copy

import msgspec
import pytest

from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.i18n import Text
from linli.model import Action, ActionKind, Condition, Handling, Severity
from rules.engine.book import About, AlertBook
from rules.engine.inputs import ActionIn, AdoptIn, decode_input, encode_input
from rules.engine.lifecycle import HandlingEvent
from rules.engine.watches import Sign, Signal
from rules.engine.why import fingerprint, why
from tests.unit.rules.engine.book_bench import HOT, Bench, rule
from tests.unit.rules.world import T0

# --- what it says -----------------------------------------------------------------------------------------------------


def test_an_alert_says_why_and_what_to_do() -> None:
    """The clause with its number and words, the timers, the number and its limit, the rule; and the steps."""
    bench = Bench(steps=[{"zh": "看", "en": "look"}, {"zh": "去", "en": "go"}])
    bench.fired(60)
    assert bench.alert.steps == (Text("看", "look"), Text("去", "go"))
    assert bench.alert.why == {
        "clause": 1,
        "part": "reading",
        "words": {
            "zh": "温度高于 70 °C，持续 30 秒，直到低于 65 °C",
            "en": "temperature above 70 °C for 30 s, until below 65 °C",
        },
        "began": T0 + 30 * SECOND,
        "fired": T0 + 60 * SECOND,
        "held": 30 * SECOND,
        "limit": 70.0,
        "value": 71.0,
        "rule": fingerprint(bench.rule),
    }


def test_why_of_other_parts_has_neither_limit_nor_value() -> None:
    """Of `outside` it has both limits, of `normal` none."""
    outside = {"reading": {"quantity": "voltage", "outside": [198, 235]}}
    normal = {"reading": {"quantity": "power", "normal": {"sigmas": 3}}}
    mixed = rule(outside, normal, {"missing": {"for": "1m"}})
    assert why(mixed, 0, 0, 0, 250.0)["limit"] == [198, 235]
    assert "limit" not in why(mixed, 1, 0, 0, 250.0)
    assert why(mixed, 2, 0, MINUTE).keys() == {"clause", "part", "words", "began", "fired", "held", "rule"}
    assert why(mixed, 2, 0, MINUTE)["part"] == "missing"


def test_a_rule_has_one_fingerprint_however_it_is_written() -> None:
    """And another one once anything of it differs."""
    where = {"types": ["camera.person.detected"], "where": {"a": 1, "b": 2}}
    turned = {"types": ["camera.person.detected"], "where": {"b": 2, "a": 1}}
    assert fingerprint(rule({"event": where})) == fingerprint(rule({"event": turned}))
    assert fingerprint(rule({"event": where})) != fingerprint(rule({"event": where}, severity="high"))
    assert len(fingerprint(rule())) == 12


def test_when_it_gets_worse_it_says_why_anew() -> None:
    """The sentence and the reason are those of the clause that made it worse."""
    bench = Bench()
    bench.fired(0)
    assert bench.fired(10, clause=1) == ["escalated"]
    assert bench.alert.why["clause"] == 2
    assert bench.fired(20, device="d2") == ["occurred"]
    assert bench.alert.why["clause"] == 2


# --- many -------------------------------------------------------------------------------------------------------------

MANY = {"devices": 3, "severity": "high"}


def test_many_devices_make_it_worse() -> None:
    """The third one: it has to be acknowledged again, and says how many there are."""
    bench = Bench(many=MANY)
    assert [bench.fired(0, "d1"), bench.fired(1, "d2")] == [["opened"], ["occurred"]]
    bench.act(2, ActionKind.ACKNOWLEDGE)
    assert bench.fired(3, "d3") == ["escalated"]
    assert (bench.alert.severity, bench.alert.handling) == (Severity.HIGH, Handling.UNACKNOWLEDGED)
    assert bench.alert.sentence.en == "d3 is hot (3 devices at once.)"
    assert bench.fired(4, "d4") == ["occurred"]


def test_many_counts_devices_that_stand_behind_it_at_once() -> None:
    """One that is over counts no more; two clauses of one device are one; it never becomes milder."""
    bench = Bench(many=MANY)
    bench.fired(0, "d1")
    bench.fired(1, "d2")
    bench.over(2, "d1")
    assert bench.fired(3, "d3") == ["occurred"]
    bench.rule = rule(HOT, HOT, many=MANY)
    assert bench.fired(4, "d3", clause=1) == ["occurred"]
    assert bench.fired(5, "d1") == ["escalated"]
    assert [bench.over(6, "d1"), bench.over(7, "d2"), bench.over(8, "d3")] == [[], [], []]
    assert bench.over(9, "d3", clause=1) == ["resolved"]
    assert bench.alert.severity is Severity.HIGH


def test_many_makes_nothing_milder() -> None:
    """A clause that is worse by itself stays."""
    bench = Bench(many={"devices": 2, "severity": "low"})
    bench.fired(0, "d1", clause=1)
    assert bench.fired(1, "d2") == ["occurred"]
    assert bench.alert.severity is Severity.CRITICAL


# --- reminders --------------------------------------------------------------------------------------------------------


def test_what_goes_on_firing_is_told_again() -> None:
    """After 10, 20 and 30 min, and each once."""
    bench = Bench(remind=["10m", "20m", "30m"])
    bench.fired(0)
    found = {minute: bench.tick(minute * 60) for minute in range(1, 60)}
    assert {minute: kinds for minute, kinds in found.items() if kinds} == {m: ["reminded"] for m in (10, 20, 30)}
    assert bench.changes[-1].comment is None


def test_again_and_again() -> None:
    """`remind_every` counts from when it opened, beside `remind`."""
    bench = Bench(remind=["5m"], remind_every="8h")
    bench.fired(0)
    told = [minute for minute in range(0, 26 * 60, 5) if bench.tick(minute * 60)]
    assert told == [5, 480, 960, 1440]


def test_reminders_that_passed_meanwhile_count_once_and_say_so() -> None:
    """The rules were down for 35 min."""
    bench = Bench(remind=["10m", "20m", "30m"])
    bench.fired(0)
    assert bench.tick(45 * 60) == ["reminded"]
    assert bench.changes[-1].comment == "迟了 35 分钟 / 35 min late"
    assert bench.changes[-1].at == T0 + 45 * MINUTE
    assert bench.tick(60 * 60) == []


def test_what_no_longer_fires_is_not_told_again() -> None:
    """What passes meanwhile is passed; once it fires again, the next one is told."""
    bench = Bench(remind=["10m", "20m"])
    bench.fired(0)
    bench.over(300)
    assert bench.tick(11 * 60) == []
    bench.fired(12 * 60)
    assert bench.tick(13 * 60) == []
    assert bench.tick(20 * 60) == ["reminded"]
    bench.act(21 * 60, ActionKind.CLOSE)
    assert bench.tick(90 * 60) == []


def test_reminders_survive_in_the_record() -> None:
    """A book made anew of the records goes on where the first was."""
    bench = Bench(remind=["10m", "20m"])
    bench.fired(0)
    bench.tick(601)
    again = AlertBook()
    for record in bench.book.open.values():
        again.put(record)
    bench.book = again
    assert bench.tick(700) == []
    assert bench.tick(1200) == ["reminded"]


def test_what_is_due_together_comes_in_one_order_whatever_was_before() -> None:
    """By deadline: of a book that was made anew as of one that has seen deadlines come and go."""
    bench = Bench(remind=["1h"])
    bench.fired(0)
    bench.act(1, ActionKind.SHELVE, until=600)
    bench.act(2, ActionKind.UNSHELVE)
    other = About("p2", "place", "c1", "p2", Text("字", "words"))
    bench._took(bench.book.signal(bench.rule, 0, "d9", other, Signal(Sign.FIRED, T0 - HOUR // 2, "x", T0, ())))
    again = AlertBook()
    for record in bench.book.open.values():
        again.put(copy.copy(record))
    orders = [[change.alert.subject for change in book.tick(T0 + 2 * HOUR)] for book in (bench.book, again)]
    assert orders == [["p2", "p1"], ["p2", "p1"]]


def test_deadlines_are_kept_once_for_each_alert() -> None:
    """However often it fires before them."""
    bench = Bench(remind=["8h"])
    for second in range(500):
        bench.fired(second)
    assert len(bench.book._deadlines) == 1


# --- shelving ---------------------------------------------------------------------------------------------------------


def test_shelved_for_a_time_with_a_reason() -> None:
    """ISA-18.2 (case 25): it comes back by itself, to be acknowledged again while it fires."""
    bench = Bench()
    bench.fired(0)
    bench.act(1, ActionKind.ACKNOWLEDGE)
    assert bench.act(2, ActionKind.SHELVE, "electrician is here", until=3600) == ["shelved"]
    assert (bench.alert.handling, bench.alert.shelved_until) == (Handling.SHELVED, T0 + HOUR)
    assert (bench.changes[-1].actor, bench.changes[-1].comment) == ("li", "electrician is here")
    assert bench.tick(3599) == []
    assert bench.tick(3600) == ["unshelved"]
    assert (bench.alert.handling, bench.alert.shelved_until) == (Handling.UNACKNOWLEDGED, None)
    assert (bench.alert.acknowledged_at, bench.changes[-1].actor, bench.changes[-1].comment) == (None, None, None)
    assert bench.tick(7200) == []


def test_unshelved_by_a_person_before_its_time() -> None:
    """Nothing is left of the deadline."""
    bench = Bench()
    bench.fired(0)
    bench.act(1, ActionKind.SHELVE, until=3600)
    assert bench.act(2, ActionKind.UNSHELVE, "") == ["unshelved"]
    assert bench.alert.handling is Handling.UNACKNOWLEDGED
    assert bench.tick(3601) == []
    assert bench.outcomes == ["done", "done"]


def test_back_normal_while_shelved_it_closes_when_it_comes_back() -> None:
    """Resolving and alarming again leave it where it is; nobody has to see it any more."""
    bench = Bench()
    bench.fired(0)
    bench.act(1, ActionKind.SHELVE, until=3600)
    assert [bench.over(2), bench.fired(3), bench.over(4)] == [["resolved"], ["occurred"], ["resolved"]]
    assert bench.alert.handling is Handling.SHELVED
    assert bench.tick(3600) == ["unshelved", "closed"]
    assert (bench.alert.handling, bench.alert.closed_by, bench.alert.shelved_until) == (Handling.CLOSED, None, None)


def test_a_latched_one_comes_back_unacknowledged() -> None:
    """Only a person closes it."""
    bench = Bench(latched=True)
    bench.fired(0)
    bench.act(1, ActionKind.ACKNOWLEDGE)
    bench.act(2, ActionKind.SHELVE, until=3600)
    bench.over(3)
    assert bench.tick(3600) == ["unshelved"]
    assert (bench.alert.handling, bench.alert.acknowledged_at) == (Handling.RETURNED_UNACKNOWLEDGED, None)


def test_a_return_that_passed_while_nobody_looked_is_marked_late() -> None:
    """Once, at the first tick."""
    bench = Bench()
    bench.fired(0)
    bench.act(1, ActionKind.SHELVE, until=600)
    assert bench.tick(4200) == ["unshelved"]
    assert bench.changes[-1].comment == "迟了 1 小时 / 1 h late"
    assert bench.tick(4201) == []


def test_what_is_shelved_reminds_nobody() -> None:
    """What passes meanwhile is passed, also when both are found due at once."""
    bench = Bench(remind=["10m", "20m", "30m"])
    bench.fired(0)
    bench.act(1, ActionKind.SHELVE, until=25 * 60)
    assert bench.tick(10 * 60) == []
    assert bench.tick(26 * 60) == ["unshelved"]
    assert bench.tick(30 * 60) == ["reminded"]


def test_worse_while_shelved_is_told_and_stays_shelved() -> None:
    """As the table of ISA-18.2 has it."""
    bench = Bench()
    bench.fired(0)
    bench.act(1, ActionKind.SHELVE, until=3600)
    assert bench.fired(2, clause=1) == ["escalated"]
    assert bench.alert.handling is Handling.SHELVED


@pytest.mark.parametrize(
    ("kind", "comment", "until", "outcome"),
    [
        (ActionKind.SHELVE, "  ", 3600, "reason_required"),
        (ActionKind.SHELVE, "x", None, "until_required"),
        (ActionKind.SHELVE, "x", 1, "until_required"),
        (ActionKind.UNSHELVE, "x", None, "not_shelved"),
        (ActionKind.CLOSE, "", None, "reason_required"),
    ],
)
def test_what_cannot_be_done_changes_nothing(kind: ActionKind, comment: str, until: float | None, outcome: str) -> None:
    """And says why."""
    bench = Bench()
    bench.fired(0)
    assert bench.act(1, kind, comment, until) == []
    assert bench.outcomes == [outcome]
    assert bench.alert.handling is Handling.UNACKNOWLEDGED


def test_what_is_shelved_is_neither_shelved_nor_acknowledged_again() -> None:
    """Closing it is possible, and takes it off the shelf."""
    bench = Bench()
    bench.fired(0)
    bench.act(1, ActionKind.SHELVE, until=3600)
    bench.act(2, ActionKind.SHELVE, until=7200)
    bench.act(3, ActionKind.ACKNOWLEDGE)
    assert (bench.alert.handling, bench.alert.shelved_until) == (Handling.SHELVED, T0 + HOUR)
    assert bench.act(4, ActionKind.CLOSE, "known") == ["closed"]
    assert (bench.alert.handling, bench.alert.shelved_until) == (Handling.CLOSED, None)
    assert bench.outcomes == ["done", "already_shelved", "already_shelved", "done"]
    assert bench.tick(3600) == []


def test_life_safety_is_never_shelved() -> None:
    """Nor does a severity make it so: the rule says it."""
    bench = Bench(latched=True, life_safety=True)
    bench.fired(0)
    assert bench.act(1, ActionKind.SHELVE, until=3600) == []
    assert bench.outcomes == ["not_allowed"]
    assert bench.alert.handling is Handling.UNACKNOWLEDGED


# --- the states of ISA-18.2, case 24 ----------------------------------------------------------------------------------

U, A, R, C = Handling.UNACKNOWLEDGED, Handling.ACKNOWLEDGED, Handling.RETURNED_UNACKNOWLEDGED, Handling.CLOSED


@pytest.mark.parametrize(
    ("events", "states"),
    [
        ([HandlingEvent.ACKNOWLEDGE, HandlingEvent.RETURN], [U, A, C]),
        ([HandlingEvent.RETURN, HandlingEvent.ACKNOWLEDGE], [U, R, C]),
        ([HandlingEvent.RETURN, HandlingEvent.ALARM], [U, R, U]),
        ([HandlingEvent.ACKNOWLEDGE, HandlingEvent.WORSEN], [U, A, U]),
    ],
)
def test_case_24(events: list[HandlingEvent], states: list[Handling]) -> None:
    """From normal by an alarm; then each way that the standard names."""
    bench = Bench()
    bench.fired(0)
    found = [bench.alert.handling]
    for number, event in enumerate(events, 1):
        if event is HandlingEvent.ACKNOWLEDGE:
            bench.act(number, ActionKind.ACKNOWLEDGE)
        elif event is HandlingEvent.RETURN:
            bench.over(number)
        else:
            bench.fired(number, clause=int(event is HandlingEvent.WORSEN))
        found.append(bench.alert.handling)
    assert found == states


def test_case_22_a_second_acknowledgement_keeps_the_first_time() -> None:
    """It succeeds, and changes nothing."""
    bench = Bench()
    bench.fired(0)
    bench.act(1, ActionKind.ACKNOWLEDGE, "going")
    first = bench.alert
    assert bench.act(2, ActionKind.ACKNOWLEDGE, "") == []
    assert bench.outcomes == ["done", "done"]
    assert bench.book.open["hot", "p1"].alert == first


# --- several memories -------------------------------------------------------------------------------------------------


def test_two_memories_of_one_device_stand_behind_it_apart() -> None:
    """As with a memory for each credential: the end of one is not the end of the other."""
    bench = Bench()
    about = About("p1", "place", "c1", "p1", Text("字", "words"), {}, "door")
    found = []
    for memory, sign, at in (("a", Sign.FIRED, 0), ("b", Sign.FIRED, 1), ("a", Sign.OVER, 2), ("b", Sign.OVER, 3)):
        bench._took(bench.book.signal(bench.rule, 0, memory, about, Signal(sign, T0 + at, memory, T0, ())))
        found.append(bench.alert.condition)
    assert found == [Condition.FIRING] * 3 + [Condition.RESOLVED]


def test_a_later_clause_of_the_same_beginning_makes_an_alert_of_its_own() -> None:
    """The first one is closed, and stays it."""
    bench = Bench()
    bench.signal(Sign.FIRED, 0, start="opening")
    bench.act(1, ActionKind.CLOSE, "known")
    assert bench.signal(Sign.FIRED, 300, clause=1, start="opening") == ["opened"]
    assert len({change.alert.id for change in bench.changes}) == 2


def test_an_alert_about_a_community_has_no_place() -> None:
    """Its kind of subject says so."""
    bench = Bench()
    about = About("c1", "community", "c1", None, Text("字", "words"))
    bench._took(bench.book.signal(bench.rule, 0, "d1", about, Signal(Sign.FIRED, T0, "s", T0, ())))
    assert (bench.alert.subject, bench.alert.subject_kind, bench.alert.place) == ("c1", "community", None)


# --- journals ---------------------------------------------------------------------------------------------------------


def test_acts_and_alerts_of_journals_written_before_are_read() -> None:
    """An act without `until`, an alert without steps, why and shelf."""
    body = b'A{"id":"x","alert":"a","kind":"close","actor":"li","comment":"c","at":5}'
    assert decode_input(body) == ActionIn(Action("x", "a", ActionKind.CLOSE, "li", "c", 5))
    bench = Bench()
    bench.fired(0)
    document = msgspec.to_builtins(bench.alert)
    for name in ("steps", "why", "shelved_until"):
        del document[name]
    adopted = decode_input(b"O" + msgspec.json.encode([document]))
    assert isinstance(adopted, AdoptIn)
    assert (adopted.alerts[0].id, adopted.alerts[0].steps, adopted.alerts[0].why) == (bench.alert.id, (), {})


def test_a_shelving_goes_through_the_journal() -> None:
    """With its end."""
    entry = ActionIn(Action("x", "a", ActionKind.SHELVE, "li", "why", 5, DAY))
    assert decode_input(encode_input(entry)) == entry
