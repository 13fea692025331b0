"""The alerts repository: what rules writes and what everybody reads."""

import dataclasses
import itertools
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from linli.clock import DAY
from linli.db.alerts import Change, Effects, Outcome, SqlAlerts
from linli.db.database import Database, open_database
from linli.db.scoping import guarded
from linli.i18n import Text
from linli.model import Action, ActionKind, Alert, Condition, Evidence, Handling, Severity
from tests.databases import Databases

ALERT = Alert(
    id="a1",
    rule="door-forced",
    community="c1",
    subject="door",
    subject_kind="device",
    place="b1",
    severity=Severity.HIGH,
    condition=Condition.FIRING,
    handling=Handling.UNACKNOWLEDGED,
    latched=True,
    confirmed=False,
    historic=False,
    title=Text("门", "Door"),
    sentence=Text("句", "Sentence"),
    advice=Text("去", "Go"),
    opened_at=100,
    first_seen=100,
    last_seen=100,
    occurrences=1,
    evidence=(Evidence(100, "door", "access.door.opened", None, None, {"a": [1, None, True]}),),
    updated_at=100,
)


def another(number: int, **changes: object) -> Alert:
    """An alert of its own subject, opened at 100 + number."""
    at = 100 + number
    fields: dict[str, object] = {"id": f"a{number}", "subject": f"door-{number}", "opened_at": at} | changes
    return dataclasses.replace(ALERT, **fields)  # type: ignore[arg-type]


def with_reasons(alert: Alert) -> Alert:
    """The alert with all that the rules engine may say of it."""
    why = {"clause": 1, "part": "reading", "words": {"zh": "高", "en": "high"}, "limit": 70.0, "of": [1, None]}
    steps = (Text("看", "Look"), Text("关阀", "Close the valve"))
    return dataclasses.replace(alert, steps=steps, why=why, handling=Handling.SHELVED, shelved_until=900)


def closed(alert: Alert) -> Alert:
    return dataclasses.replace(alert, handling=Handling.CLOSED, closed_at=200, closed_by="li", close_reason="known")


@pytest.fixture
def alerts(database: Database) -> SqlAlerts:
    """An empty table."""
    return SqlAlerts(database)


def write(alerts: SqlAlerts, *made: Alert) -> None:
    here = alerts.position()
    alerts.apply(
        [Effects(here + number, (Change(alert, "opened", 100),)) for number, alert in enumerate(made, 1)],
    )


def test_an_alert_comes_back_as_it_was(alerts: SqlAlerts) -> None:
    """Evidence, texts, steps, why, times and all."""
    whole = dataclasses.replace(
        with_reasons(ALERT), acknowledged_at=150, acknowledged_by="li", acknowledge_comment="去看"
    )
    write(alerts, whole)
    assert alerts.get("a1") == whole
    assert alerts.get("a2") is None


def test_an_alert_is_not_lost_for_a_long_title(alerts: SqlAlerts) -> None:
    """It is cut to what the column takes: PostgreSQL would refuse the alert."""
    write(alerts, dataclasses.replace(ALERT, title=Text("门" * 400, "Door " * 80)))
    kept = alerts.get("a1")
    assert kept is not None
    assert (kept.title.zh, len(kept.title.en)) == ("门" * 300, 300)


def test_effects_that_are_here_already_change_nothing(alerts: SqlAlerts) -> None:
    """By position: the second time nothing is written, and nothing is said to have been."""
    effects = [Effects(3, (Change(ALERT, "opened", 100),)), Effects(5, (Change(closed(ALERT), "closed", 200),))]
    assert alerts.apply(effects[:1]) == list(effects[0].changes)
    assert alerts.apply(effects) == list(effects[1].changes)
    assert alerts.apply(effects) == []
    assert alerts.position() == 5
    assert [change.kind for change in alerts.changes("a1")] == ["opened", "closed"]


def test_a_batch_that_fails_leaves_nothing(alerts: SqlAlerts) -> None:
    """One open alert for each rule and subject is the database's own constraint; the transaction is whole."""
    clash = dataclasses.replace(ALERT, id="a2")
    with pytest.raises(IntegrityError):
        alerts.apply([Effects(1, (Change(ALERT, "opened", 100),)), Effects(2, (Change(clash, "opened", 101),))])
    assert (alerts.position(), alerts.find(), alerts.last_change()) == (0, [], 0)


def test_one_closes_and_the_next_opens_in_one_batch(alerts: SqlAlerts) -> None:
    """The key is free before it is taken again."""
    write(alerts, ALERT)
    again = dataclasses.replace(ALERT, id="a0", opened_at=300)
    alerts.apply([Effects(2, (Change(again, "opened", 300),)), Effects(3, (Change(closed(ALERT), "closed", 200),))])
    assert alerts.open_alerts() == [again]


def test_finding(alerts: SqlAlerts) -> None:
    """By community, openness, severity, rule, subject and time; newest first; page by page."""
    rows = [
        another(1),
        another(2, community="c2"),
        closed(another(3)),
        another(4, severity=Severity.LOW),
        another(5, rule="fire-alarm", opened_at=104),
    ]
    write(alerts, *rows)

    def ids(**wanted: object) -> list[str]:
        return [alert.id for alert in alerts.find(**wanted)]  # type: ignore[arg-type]

    assert ids() == ["a5", "a4", "a3", "a2", "a1"]
    assert ids(communities=frozenset({"c2"})) == ["a2"]
    assert ids(communities=frozenset()) == []
    assert ids(open_only=True) == ["a5", "a4", "a2", "a1"]
    assert ids(severities=[Severity.LOW]) == ["a4"]
    assert ids(rules=["fire-alarm"]) == ["a5"]
    assert ids(subject="door-3") == ["a3"]
    assert ids(since=102, until=104) == ["a3", "a2"]
    assert ids(limit=2) == ["a5", "a4"]
    assert ids(limit=2, before=(104, "a5")) == ["a4", "a3"]
    assert ids(limit=2, before=(102, "a2")) == ["a1"]


SPANS = (0, 1, DAY, 3 * DAY, 20 * DAY, 200 * DAY)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gaps=st.lists(st.tuples(st.sampled_from(SPANS), st.sampled_from(["c1", "c2", "c3"])), max_size=20),
    within=st.sets(st.sampled_from(["c1", "c2", "c3"]), max_size=2),
    limit=st.integers(1, 4),
    since=st.sampled_from([None, 100, DAY, 50 * DAY]),
)
def test_who_sees_some_of_many_sees_the_same_list(
    databases: Databases, gaps: list[tuple[int, str]], within: set[str], limit: int, since: int | None
) -> None:
    """They are looked for in stretches of time, from the newest back: page by page nothing is left out, and nothing comes twice."""
    times = list(itertools.accumulate((gap for gap, _ in gaps), initial=100))[1:]
    rows = [
        closed(another(number, community=community, opened_at=at))
        for number, (at, (_, community)) in enumerate(zip(times, gaps, strict=True))
    ]
    wanted = sorted(
        (row for row in rows if row.community in within and row.opened_at >= (since or 0)),
        key=lambda row: (row.opened_at, row.id),
        reverse=True,
    )
    with databases.new() as url, closing(open_database(url)) as database:
        write(SqlAlerts(database), *rows)
        for found in (SqlAlerts(guarded(database).of(within)), SqlAlerts(database)):
            seen: list[Alert] = []
            while page := found.find(
                frozenset(within), since=since, limit=limit, before=(seen[-1].opened_at, seen[-1].id) if seen else None
            ):
                seen += page
            assert seen == wanted


def test_counting_and_grouping_what_is_open(alerts: SqlAlerts) -> None:
    """By severity, zeros too; by subject, worst first; of the communities asked for."""
    low = another(2, subject="door-1", severity=Severity.LOW, rule="door-held-open")
    write(alerts, low, another(1), closed(another(3)), another(4, community="c2"))
    assert alerts.count_open(frozenset({"c1"})) == {
        Severity.CRITICAL: 0,
        Severity.HIGH: 1,
        Severity.MEDIUM: 0,
        Severity.LOW: 1,
    }
    assert sum(alerts.count_open().values()) == 3
    found = alerts.open_by_subject(frozenset({"c1"}))
    assert {subject: [alert.id for alert in group] for subject, group in found.items()} == {"door-1": ["a1", "a2"]}


def test_the_live_stream_goes_by_the_id_of_changes(alerts: SqlAlerts) -> None:
    """Newer than the last seen, oldest first, of the communities asked for."""
    write(alerts, another(1), another(2, community="c2"), another(3))
    first, second, third = alerts.changes_after(0)
    assert (first.id < second.id < third.id, third.id) == (True, alerts.last_change())
    assert alerts.changes_after(second.id) == [third]
    assert alerts.changes_after(0, limit=1) == [first]
    assert alerts.changes_after(0, communities=frozenset({"c1"})) == [first, third]
    assert (first.alert, first.kind, first.severity, first.handling) == (
        "a1",
        "opened",
        Severity.HIGH,
        Handling.UNACKNOWLEDGED,
    )


def test_an_act_waits_until_rules_answers_it(alerts: SqlAlerts) -> None:
    """Its id counts once; its outcome is written in the transaction of what it did."""
    first = Action("x1", "a1", ActionKind.ACKNOWLEDGE, "li", "going", 150)
    assert alerts.add_action(first)
    assert not alerts.add_action(first)
    assert alerts.add_action(dataclasses.replace(first, id="x2", kind=ActionKind.CLOSE))
    pending = alerts.pending_actions()
    assert [(item.action.id, item.action.kind) for item in pending] == [("x1", "acknowledge"), ("x2", "close")]
    assert pending[0].action == first
    assert alerts.action_outcome("x1") is None
    alerts.apply([Effects(1, (), (Outcome("x1", "done", 151),))])
    assert alerts.action_outcome("x1") == "done"
    assert [item.action.id for item in alerts.pending_actions()] == ["x2"]
    assert alerts.pending_actions(after=pending[1].seq) == []
    alerts.apply([Effects(2, (), (Outcome("x1", "already_closed", 152),))])
    assert alerts.action_outcome("x1") == "done"


def test_shelving_says_until_when(alerts: SqlAlerts) -> None:
    """An act with a time reaches rules with it."""
    act = Action("x1", "a1", ActionKind.SHELVE, "li", "known leak, plumber at four", 150, until=900)
    assert alerts.add_action(act)
    assert [item.action for item in alerts.pending_actions()] == [act]
