"""Alerts as rows, times as words, advice as steps."""

import json
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console import rows
from api.console.steps import steps
from api.views import AlertChange, AlertView
from api.words import change_name
from linli.clock import DAY, HOUR, MINUTE, SECOND, parse_time
from linli.i18n import Text
from linli.model import Alert, Handling
from tests.browser import world

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = parse_time("2026-03-01T16:30:00Z")  # half past midnight on 2 March in Shanghai


def view(alert: Alert) -> AlertView:
    return AlertView(
        alert=alert,
        community_name=Text("望湖苑", "Lakeview Court"),
        subject_name=Text("1号楼楼顶门", "Building 1, roof door"),
        place_name=Text("1号楼", "Building 1"),
        acknowledged_by_name="王建国" if alert.acknowledged_by else None,
        closed_by_name="李晓梅" if alert.closed_by else None,
    )


def test_a_row_says_all_in_the_readers_language() -> None:
    """Severity, state and place are words, in one language; numbers that the browser counts with stay numbers."""
    made = rows.row(view(world.forced_door(NOW)), "en", SHANGHAI, NOW)
    assert made["severity_word"] == "High"
    assert made["where"] == "Building 1, roof door"
    assert made["opened_at"] == NOW
    assert made["opened_text"] == "00:30:00"
    assert made["todo"] is True
    assert rows.row(view(world.forced_door(NOW)), "zh", SHANGHAI, NOW)["severity_word"] == "重要"


def test_what_happened_again_says_when_last() -> None:
    """A break-in ten minutes ago that was repeated just now must not look ten minutes old."""
    alert = replace(world.forced_door(NOW - 10 * MINUTE), occurrences=3, last_seen=NOW)
    assert rows.row(view(alert), "en", SHANGHAI, NOW)["tags"] == ["3 times, last 00:30:00"]
    assert rows.row(view(replace(alert, occurrences=1)), "en", SHANGHAI, NOW)["tags"] == []


def test_where_names_the_community_only_to_who_sees_several() -> None:
    """A guard of one compound knows which it is."""
    seen = view(world.forced_door(NOW))
    assert rows.where(seen, "zh", several=False) == "1号楼楼顶门"
    assert rows.where(seen, "zh", several=True) == "望湖苑 · 1号楼楼顶门"
    elsewhere = replace(seen, subject_name=Text("楼顶门", "roof door"))
    assert rows.where(elsewhere, "zh", several=False) == "1号楼 · 楼顶门"


def test_who_handled_it_and_when() -> None:
    """Closing is said over acknowledging."""
    alert = replace(world.forced_door(NOW), handling=Handling.ACKNOWLEDGED, acknowledged_at=NOW, acknowledged_by="p1")
    assert rows.handled_by(view(alert), SHANGHAI, NOW).zh == "王建国 · 00:30:00"
    closed = replace(alert, handling=Handling.CLOSED, closed_at=NOW, closed_by="p2")
    assert rows.handled_by(view(closed), SHANGHAI, NOW).en == "closed by 李晓梅 · 00:30:00"
    assert rows.handled_by(view(world.forced_door(NOW)), SHANGHAI, NOW).en == ""


def test_what_is_shelved_says_until_when() -> None:
    """Over who had acknowledged it: it asks for nobody now, and stays a row that one can find."""
    alert = replace(
        world.forced_door(NOW),
        handling=Handling.SHELVED,
        shelved_until=NOW + HOUR,
        acknowledged_at=NOW,
        acknowledged_by="p1",
    )
    made = rows.row(view(alert), "en", SHANGHAI, NOW)
    assert (made["state_word"], made["who"]) == ("Shelved", "until 01:30:00")
    assert (made["shelved"], made["todo"], made["open"]) == (True, False, True)


U, A, S = Handling.UNACKNOWLEDGED, Handling.ACKNOWLEDGED, Handling.SHELVED


@pytest.mark.parametrize(
    ("kinds", "after", "said"),
    [
        (["opened"], U, ""),
        (["occurred"], U, ""),
        (["escalated"], U, "Escalated"),
        (["occurred", "confirmed"], U, "Confirmed"),
        (["unshelved"], U, "No longer shelved"),
        (["reminded"], U, "Reminded"),
        (["reminded", "acknowledged"], A, "Reminded"),
        (["escalated", "acknowledged"], A, ""),
        (["acknowledged", "occurred"], U, "Occurred again"),
        (["escalated", "shelved"], S, ""),
        (["reminded", "closed"], Handling.CLOSED, ""),
    ],
)
def test_what_of_the_changes_calls_somebody(kinds: list[str], after: Handling, said: str) -> None:
    """Several changes come to a page as one row: what called is not lost in what came after it, unless somebody has heard."""
    seen = view(replace(world.forced_door(NOW), handling=after))
    changes = [AlertChange(n, seen, kind, change_name(kind), None, None, None, NOW) for n, kind in enumerate(kinds)]
    assert rows.calls(changes).en == said


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2026-03-01T16:29:58Z", "00:29:58"),
        ("2026-03-01T15:59:59Z", "03-01 23:59"),
        ("2025-12-31T15:00:00Z", "2025-12-31 23:00"),
    ],
)
def test_moments_are_short_and_local(at: str, shown: str) -> None:
    """Today by the community's calendar only the time, else the date; never the server's zone."""
    assert rows.moment(parse_time(at), SHANGHAI, NOW) == shown


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (-5 * SECOND, "just now"),
        (4 * SECOND, "just now"),
        (5 * SECOND, "5 s ago"),
        (59 * SECOND, "59 s ago"),
        (MINUTE, "1 min ago"),
        (HOUR - 1, "59 min ago"),
        (HOUR, "1 h ago"),
        (DAY, "1 d ago"),
        (40 * DAY, "40 d ago"),
    ],
)
def test_ages_are_rounded_down(age: int, shown: str) -> None:
    """An age is never made younger by a unit, and a clock ahead of ours counts as now."""
    assert rows.ago(age).en == shown


@given(st.text())
def test_a_title_cannot_leave_its_string(title: str) -> None:
    """What is run in the page is a call with JSON, whatever a name holds."""
    alert = replace(world.forced_door(NOW), title=Text(title, title))
    clean = title.encode("utf-8", "ignore").decode()
    code = rows.push_code([rows.row(view(replace(alert, title=Text(clean, clean))), "zh", SHANGHAI, NOW)])
    head, tail = "window.linli?.push(", ")"
    assert code.startswith(head)
    assert json.loads(code[len(head) : -len(tail)])[0]["title"] == clean


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        ("", []),
        ("Look at the camera.", ["Look at the camera."]),
        ("1. Look. 2. Send a patrol. 3. Close.", ["Look.", "Send a patrol.", "Close."]),
        ("查看画面。派人到场。", ["查看画面。", "派人到场。"]),
        ("查看画面；派人到场", ["查看画面", "派人到场"]),
        ("1. 查看画面。2. 派人到场。", ["查看画面。", "派人到场。"]),
        ("①查看画面②派人到场", ["查看画面", "派人到场"]),
        ("- look\n- send", ["Look", "Send"]),
        ("Keep below 70.5 degrees. Call 119.", ["Keep below 70.5 degrees.", "Call 119."]),
    ],
)
def test_advice_becomes_steps(advice: str, expected: list[str]) -> None:
    """One step for a sentence, however its author numbered them; a decimal point ends no sentence."""
    assert steps(advice) == expected
