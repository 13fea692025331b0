"""Who is looking, and what the console lets through."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi import HTTPException, Request
from hypothesis import given
from hypothesis import strategies as st

from api.console.consoles import feed_fault, health_line, to_mend
from api.console.guard import MAX_FORM, posted
from api.console.visit import home, local_path
from api.views import HealthView, WorkerView
from linli.db.people import Person
from linli.i18n import Text
from linli.model import Role

HERE = "http://console.example/login"


@given(st.one_of(st.text(), st.text(alphabet="/\\:.@\t\n a?#%").map(lambda tail: "/" + tail)))
def test_a_way_back_never_leaves_the_site(path: str) -> None:
    """Whatever a link says after `next=`, what is left of it is a path here."""
    kept = local_path(path)
    if kept:
        assert kept == path
        assert urlsplit(urljoin(HERE, kept.replace("\\", "/"))).netloc == "console.example"


@pytest.mark.parametrize("path", ["/", "/facilities/c001-garage-air", "/alerts/a1?x=1"])
def test_our_own_paths_are_kept(path: str) -> None:
    """The page one wanted is the page one gets."""
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path", ["", "alerts", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil"]
)
def test_other_sites_are_not(path: str) -> None:
    """Nor what a browser would read as one."""
    assert local_path(path) == ""


@pytest.mark.parametrize(
    ("role", "path"), [(Role.ADMINISTRATOR, "/"), (Role.SECURITY, "/"), (Role.PROPERTY, "/facilities")]
)
def test_everybody_has_a_home(role: Role, path: str) -> None:
    """Where one lands after signing in."""
    assert home(Person("p1", "name", "Name", role, frozenset())) == path


def _post(body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "POST", "headers": raw}, receive)
    return asyncio.run(posted(request))


FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_a_form_is_read() -> None:
    """Percent-encoded UTF-8, as browsers send it."""
    body = b"name=%E7%8E%8B&password=a+b%26c"
    assert _post(body, FORM | {"content-length": str(len(body))}) == {"name": "王", "password": "a b&c"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"a=b", FORM, 411),
        (b"a=b", FORM | {"content-length": "-3"}, 411),
        (b"a=b", FORM | {"content-length": str(MAX_FORM + 1)}, 413),
        (b"a=b", FORM | {"content-length": "9" * 400}, 413),
        (b"{}", {"content-type": "application/json", "content-length": "2"}, 415),
        (b"a=%ff", FORM | {"content-length": "5"}, 400),
        (b"\xff\xfe", FORM | {"content-length": "2"}, 400),
        (b"&".join([b"a=1"] * 40), FORM | {"content-length": "159"}, 400),
    ],
)
def test_what_is_no_small_form_is_refused(body: bytes, headers: dict[str, str], status: int) -> None:
    """Before it is read where its length says so: anybody can post to the sign-in."""
    with pytest.raises(HTTPException) as refusal:
        _post(body, headers)
    assert refusal.value.status_code == status


GUARD = Person("p1", "guard", "Guard", Role.SECURITY, frozenset({"c001"}))
ROOT = Person("p2", "root", "Root", Role.ADMINISTRATOR, None)


def _health(*workers: tuple[str, str], reasons: tuple[Text, ...] = (), ailing: tuple[str, ...] = ()) -> HealthView:
    views = tuple(WorkerView(name, state, Text("", ""), 1, 0, 0, {}) for name, state in workers)
    return HealthView("degraded" if reasons else "ok", 0, "1", reasons, views, {}, ailing)


def test_the_health_line_says_what_does_not_run() -> None:
    """All well in a few words, else to an administrator every reason; before anything is known, that."""
    assert health_line(_health(), ROOT) == (Text("各部分运行正常", "All parts running"), "")
    line, dot = health_line(_health(reasons=(Text("甲", "one"), Text("乙", "two"))), ROOT)
    assert (line.zh, line.en, dot) == ("运行异常：甲；乙", "Not running well: one; two", "bad")
    assert health_line(None, ROOT)[1] == "unsure"


def test_the_health_line_spares_a_guard_the_reasons() -> None:
    """Which parts, in words, and whom to tell; not what an exception said."""
    line, dot = health_line(_health(reasons=(Text("甲", "errno 5"),), ailing=("rules", "ingest")), GUARD)
    assert line.zh == "规则引擎、数据接入运行异常，请通知管理员。"
    assert line.en == "Not running well: rules, ingest. Please tell an administrator."
    assert dot == "bad"


@pytest.mark.parametrize(
    ("workers", "stopped"),
    [
        ([("rules", "ok")], False),
        ([("rules", "silent")], True),
        ([("rules", "stopped"), ("ingest", "ok")], True),
        ([], True),
    ],
)
def test_without_rules_the_page_says_that_no_alert_will_come(workers: list[tuple[str, str]], stopped: bool) -> None:
    """A quiet list must not look like a quiet night."""
    assert bool(feed_fault(_health(*workers)).en) is stopped


@pytest.mark.parametrize(
    ("ailing", "said"),
    [(("rules",), "规则引擎"), (("broker",), "消息服务器"), (("api",), "接口与页面"), (("simulator", "ingest"), "")],
)
def test_what_an_alert_comes_by_is_in_the_banner_when_it_ails(ailing: tuple[str, ...], said: str) -> None:
    """Rules that are not well, no broker, a hub that stands still: each may keep an alert from the page."""
    fault = feed_fault(_health(("rules", "degraded"), reasons=(Text("甲", "one"),), ailing=ailing))
    assert fault.zh == (f"{said}运行异常，新告警可能晚到或不出现。" if said else "")


def test_a_fault_in_the_rule_files_delays_no_alert() -> None:
    """An administrator reads which file and that the rules as before stay in force; a guard has nothing to do about it."""
    said = Text("仍按原来的规则运行：a.yaml:3", "the rules as before stay in force: a.yaml:3")
    health = replace(_health(("rules", "noted"), reasons=(said,)), notes=(said,))
    assert feed_fault(health).en == ""
    assert to_mend(health, ROOT) == said
    assert to_mend(health, GUARD).en == ""
    assert health_line(health, ROOT) == (said, "unsure")
    assert health_line(health, GUARD) == (Text("各部分运行正常", "All parts running"), "")
    also = replace(health, ailing=("rules",))
    assert "may come late" in feed_fault(also).en
    assert health_line(also, GUARD)[1] == "bad"
