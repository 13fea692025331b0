"""One alert: why, the evidence, what to do, and everything that was done about it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from api.console import texts
from api.console.commands_panel import CommandPanel, Controls, read_controls
from api.console.consoles import Console
from api.console.dialogs import ActDialog, acknowledging, closing, shelving, unshelving
from api.console.evidence import EvidencePanel
from api.console.layout import Node, back_link, grade
from api.console.opening import Answer, Opened, Pages
from api.console.rows import full_moment, handled_by, moment, to_do, where
from api.console.steps import steps
from api.console.visit import Visit, person_now
from api.services import Services
from api.snapshots.service import SnapshotService, build_snapshots
from api.views import AlertChange, AlertDetail, ChangeView
from api.words import HANDLINGS, SEVERITIES
from linli.clock import Clock
from linli.errors import LinliError, NotFound
from linli.i18n import Text
from linli.model import Handling
from linli.roles import Operation
from rules.language.amounts import spoken
from rules.language.model import Rule

_REGISTERED = {"device": "devices", "place": "places"}
"""Where in the registry what an alert is about is found, by what it is."""


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services
    snapshots = build_snapshots(services)

    @pages.page("/alerts/{alert_id}", Operation.SEE)
    async def alert(opened: Opened, alert_id: str) -> Answer:
        visit = opened.visit
        found = await asyncio.to_thread(_read, services, snapshots, visit, alert_id)
        devices, controls = await asyncio.to_thread(_controls, services, visit, found)
        title = texts.ALERTS if found is None else found.detail.view.alert.title
        with opened.frame(title, "/"):
            back_link(texts.BACK_TO_ALERTS, visit.language, "/")
            if found is None:
                Node("div", texts.NO_SUCH_ALERT.of(visit.language), "panel")
            else:
                _AlertPage(services, snapshots, opened.console, found, CommandPanel(services, visit, devices, controls))
        return None


@dataclass(frozen=True, slots=True)
class _Found:
    """The alert, and the rule it is of, as that is now; None if there is no such rule any more."""

    detail: AlertDetail
    rule: Rule | None
    pictures: Mapping[tuple[str, str], str] = field(default_factory=dict, compare=False)
    """Links to the pictures of the evidence, by device and name; each time others."""

    @property
    def shelvable(self) -> bool:
        """Whether it may be shelved as far as one can tell: rules has the last word."""
        alert = self.detail.view.alert
        away = alert.handling in (Handling.SHELVED, Handling.SUPPRESSED, Handling.OUT_OF_SERVICE)
        return alert.open and not away and not (self.rule is not None and self.rule.life_safety)


class _AlertPage:
    """The alert's panels, drawn again when something happens to it."""

    def __init__(
        self, services: Services, snapshots: SnapshotService, console: Console, found: _Found, commands: CommandPanel
    ) -> None:
        self._services = services
        self._snapshots = snapshots
        self._visit = console.visit
        self._commands = commands
        self._alert_id = found.detail.view.alert.id
        self._acknowledge = ActDialog(services, self._visit, acknowledging(services))
        self._close = ActDialog(services, self._visit, closing(services))
        self._shelve = ActDialog(services, self._visit, shelving(services))
        self._unshelve = ActDialog(services, self._visit, unshelving(services))
        self._evidence = EvidencePanel(services, self._visit)
        self._box = Node("div", data_test="alert")
        self._shown = found
        self._draw(found)
        console.on_change = self._changed

    async def _changed(self, changes: Sequence[AlertChange]) -> None:
        if all(change.view.alert.id != self._alert_id for change in changes):
            return
        try:
            found = await asyncio.to_thread(_read, self._services, self._snapshots, self._visit, self._alert_id)
        except (LinliError, SQLAlchemyError):
            return  # what is shown stays; the banner says that the feed has stopped
        if found is not None and found != self._shown:  # what is pressed while it is drawn again is pressed in vain
            self._shown = found
            self._box.clear()
            self._draw(found)

    def _draw(self, found: _Found) -> None:
        detail, language, clock = found.detail, self._visit.language, self._services.clock
        with self._box:
            self._head(found)
            with Node("div", classes="cols"):
                with Node("div", classes="stack"):
                    _why(found, self._visit)
                    _advice(detail, language)
                    self._commands.draw()
                    self._evidence.draw(detail, found.pictures)
                with Node("div", classes="stack"):
                    _facts(detail, self._visit, clock)
                    _history(detail, self._visit, clock)

    def _head(self, found: _Found) -> None:
        alert, language = found.detail.view.alert, self._visit.language
        title = alert.title.of(language)
        with Node("div", classes="head"):
            grade(alert.severity.value, SEVERITIES[alert.severity].of(language))
            Node("h1", title)
            Node("div", classes="push")
            if to_do(found.detail.view):
                self._button(texts.ACKNOWLEDGE, "acknowledge", self._acknowledge, title, main=True)
            if alert.handling is Handling.SHELVED:
                self._button(texts.UNSHELVE, "unshelve", self._unshelve, title, main=True)
            if found.shelvable:
                self._button(texts.SHELVE, "shelve", self._shelve, title)
            if alert.open:
                self._button(texts.CLOSE, "close", self._close, title)

    def _button(self, word: Text, name: str, dialog: ActDialog, title: str, *, main: bool = False) -> None:
        look = "btn btn-main" if main else "btn"
        button = Node("button", word.of(self._visit.language), look, type="button", data_test=name)
        button.on("click", lambda: dialog.ask(self._alert_id, title))


def _read(services: Services, snapshots: SnapshotService, visit: Visit, alert_id: str) -> _Found | None:
    person = person_now(services, visit)
    try:
        detail = services.alert(person, alert_id)
    except NotFound:
        return None
    rule = services.rules.find(detail.view.alert.rule)
    return _Found(detail, rule, snapshots.of_evidence(person, detail.evidence))


def _controls(services: Services, visit: Visit, found: _Found | None) -> tuple[list[str], Controls]:
    """The devices that one may want to tell something because of this alert, and what there is to tell them."""
    if found is None:
        return [], Controls((), ())
    alert = found.detail.view.alert
    devices = services.commands.near(visit.person, alert.community, alert.subject, alert.place)
    return devices, read_controls(services, visit, devices)


def _why(found: _Found, visit: Visit) -> None:
    alert, language = found.detail.view.alert, visit.language
    with Node("section", classes=f"panel s-{alert.severity.value}"):
        Node("h2", texts.WHY.of(language))
        Node("p", alert.sentence.of(language), "why", data_test="sentence")
        facts = _reasons(alert.why, visit, alert.community)
        if not facts and found.rule is None:
            return
        with Node("dl", classes="facts reasons", data_test="why"):
            for name, value in facts:
                Node("dt", name.of(language))
                Node("dd", value)
            if found.rule is not None:
                Node("dt", texts.RULE.of(language))
                with Node("dd"):
                    Node("a", found.rule.title.text.of(language), href=f"/rules/{found.rule.id}", data_test="rule")


def _reasons(why: Mapping[str, Any], visit: Visit, community: str) -> list[tuple[Text, str]]:
    """The clause that came true, in words, and its timers; nothing of an alert from before that was kept."""
    zone, language = visit.zone(community), visit.language
    facts: list[tuple[Text, str]] = []
    words, began, held, fired = (why.get(name) for name in ("words", "began", "held", "fired"))
    if isinstance(words, dict):
        facts.append((texts.CLAUSE, str(words.get(language, ""))))
    if isinstance(began, int):
        facts.append((texts.BEGAN, full_moment(began, zone)))
    if isinstance(held, int) and held > 0:
        facts.append((texts.HELD, spoken(held).of(language)))
    if isinstance(fired, int):
        facts.append((texts.FIRED, full_moment(fired, zone)))
    return facts


def _advice(detail: AlertDetail, language: str) -> None:
    alert = detail.view.alert
    advice = alert.advice.of(language)
    found = [step.of(language) for step in alert.steps] or steps(advice)
    if not found:
        return
    with Node("section", classes="panel", data_test="advice"):
        Node("h2", texts.WHAT_TO_DO.of(language))
        if alert.steps and advice:
            Node("p", advice, "why lead")
        with Node("ol" if len(found) > 1 else "div", classes="steps" if len(found) > 1 else "why"):
            for step in found:
                Node("li" if len(found) > 1 else "p", step)


def _facts(detail: AlertDetail, visit: Visit, clock: Clock) -> None:
    alert, language = detail.view.alert, visit.language
    zone, now = visit.zone(alert.community), clock.now()
    facts: list[tuple[Text, str]] = [
        (texts.STATE, HANDLINGS[alert.handling].of(language)),
        (texts.PLACE, where(detail.view, language, several=True)),
        (texts.OPENED, full_moment(alert.opened_at, zone)),
        (texts.LAST_SEEN, full_moment(alert.last_seen, zone)),
        (texts.OCCURRENCES, str(alert.occurrences)),
    ]
    with Node("section", classes="panel"), Node("dl", classes="facts"):
        for name, value in facts:
            Node("dt", name.of(language))
            with Node("dd", value):
                if name is texts.STATE and (who := handled_by(detail.view, zone, now).of(language)):
                    Node("div", who, "muted", data_test="who")
        if alert.subject_kind in _REGISTERED and alert.community:
            Node("dt", texts.REGISTERED_AS.of(language))
            with Node("dd"):
                path = f"/registry/{_REGISTERED[alert.subject_kind]}/{alert.subject}"
                Node("a", detail.view.subject_name.of(language), href=path, data_test="registered")
        marks = [(alert.confirmed, texts.CONFIRMED_MARK), (alert.latched and alert.open, texts.LATCHED_MARK)]
        marks += [(alert.historic, texts.HISTORIC_MARK)]
        if any(holds for holds, _ in marks):
            Node("dt")
            with Node("dd"):
                for mark in (mark for holds, mark in marks if holds):
                    Node("span", mark.of(language), "tag")


def _history(detail: AlertDetail, visit: Visit, clock: Clock) -> None:
    language, zone, now = visit.language, visit.zone(detail.view.alert.community), clock.now()
    with Node("section", classes="panel", data_test="history"):
        Node("h2", texts.HISTORY.of(language))
        with Node("ol", classes="log"):
            for change in reversed(detail.changes):
                _change(change, language, moment(change.at, zone, now))


def _change(change: ChangeView, language: str, when: str) -> None:
    with Node("li", classes="by-person" if change.actor else ""):
        Node("b", change.kind_name.of(language))
        with Node("div"):
            Node("small", f"{change.actor_name or texts.BY_RULE.of(language)} · {when}")
        if change.comment:
            Node("q", change.comment)
